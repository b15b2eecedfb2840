// Examines the domains that are due, and brings their entries up to date.
#pragma once

#include "base/result.h"
#include "listing/edition.h"
#include "listtool/examiner.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

// What is found is saved from time to time, so that a process that is killed has lost little. Errors of the state.
Result<listing::ObservationCounts> observe_due(Publisher& publisher, ExaminerSettings settings);

// What changes with time alone (listing::expire()).
Result<void> expire_entries(Publisher& publisher);

}  // namespace starttls::listtool::publish
