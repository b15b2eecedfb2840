// What `tlsrpt-report downgrades` tells: who had used TLS and came without it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "store/counts.h"
#include "store/senders.h"

namespace starttls::report {

struct DowngradeEntry {
  store::Downgrade downgrade;
  std::set<std::string> addresses;  // of the clients, as far as they are kept
};

// Each downgrade with the addresses that it came from; the newest first.
std::vector<DowngradeEntry> downgrade_entries(const std::vector<store::Downgrade>& downgrades,
                                              const store::DailyCounts& counts,
                                              const store::SendingDomainFinder& sending_domain);

}  // namespace starttls::report
