// The sending domain of a client: the domain that represents the hosts of one owner.
#pragma once

#include "base/result.h"
#include "store/senders.h"

namespace starttls::store {

// The registrable domain of a client's verified name, by the Public Suffix List. Thread-safe.
// Fault::unavailable where there is no such list.
Result<SendingDomainFinder> sending_domain();

}  // namespace starttls::store
