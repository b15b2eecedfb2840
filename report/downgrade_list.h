// The list of `tlsrpt-report downgrades`: senders that used TLS before and then sent without it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "store/counts.h"
#include "store/senders.h"

namespace starttls::report {

struct DowngradeEntry {
  store::Downgrade downgrade;
  std::set<std::string> addresses;  // of the clients, if they are recorded
};

// Each downgrade with the addresses of its clients; the newest first.
std::vector<DowngradeEntry> downgrade_entries(const std::vector<store::Downgrade>& downgrades,
                                              const store::DailyCounts& counts,
                                              const store::SendingDomainFinder& sending_domain);

}  // namespace starttls::report
