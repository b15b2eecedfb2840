// Who sends: the domain that stands for the hosts of one owner.
#pragma once

#include "base/result.h"
#include "store/senders.h"

namespace starttls::milter {

// The registrable domain of a client's verified name, by the Public Suffix List. Thread-safe.
// Fault::unavailable where there is no such list.
Result<store::SendingDomain> sending_domain();

}  // namespace starttls::milter
