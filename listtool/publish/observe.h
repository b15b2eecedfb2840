// Examines the domains that are due, and brings their entries up to date.
#pragma once

#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "listing/edition.h"
#include "listtool/examiner.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

// What is found is saved from time to time, so that a process that is killed has lost little. Only these `domains`,
// whenever they were examined, if there are any. Errors of the state; Fault::usage where one is not known or removed.
Result<listing::ObservationCounts> observe_due(Publisher& publisher, ExaminerSettings settings,
                                               const std::vector<DomainName>& domains);

// What changes with time alone (listing::expire()).
Result<void> expire_entries(Publisher& publisher);

}  // namespace starttls::listtool::publish
