// The list of `tlsrpt-report downgrades`: senders that used TLS before and came without it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "store/counts.h"
#include "store/senders.h"

namespace starttls::report {

struct DowngradeEntry {
  store::Downgrade downgrade;
  std::set<std::string> addresses;  // of the clients, as far as they are recorded
};

// Each downgrade with the addresses that it came from; the newest first.
std::vector<DowngradeEntry> downgrade_entries(const std::vector<store::Downgrade>& downgrades,
                                              const store::DailyCounts& counts,
                                              const store::SendingDomainFinder& sending_domain);

}  // namespace starttls::report
