// The TLSA records of one MX host: which ones to publish now, and what comes before the next change (RFC 7671 section
// 8.1). Part of plan().
#pragma once

#include <vector>

#include "publication/publication.h"

namespace starttls::publication {

struct TlsaPlan {
  std::vector<dns::Tlsa> records;  // to publish now
  bool changed = false;
  std::vector<Step> before;  // publishing them
  std::vector<Step> after;
};

// `seen` is null where nothing is known about the host. Fault::data where senders with DANE would defer.
Result<TlsaPlan> plan_tlsa(const Wanted& wanted, const HostKeys& keys, const PublishedHost* seen, Time now);

}  // namespace starttls::publication
