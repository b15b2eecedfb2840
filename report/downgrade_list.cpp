#include "report/downgrade_list.h"

#include <algorithm>
#include <map>
#include <utility>

namespace starttls::report {

std::vector<DowngradeEntry> downgrade_entries(const std::vector<store::Downgrade>& downgrades,
                                              const store::DailyCounts& counts,
                                              const store::SendingDomainFinder& sending_domain) {
  std::map<std::pair<Day, std::string>, std::set<std::string>> addresses;
  for (const auto& [session_class, count] : counts) {
    if (!session_class.downgraded || session_class.client_address.empty()) continue;
    addresses[{session_class.day, sending_domain(session_class.client_name)}].insert(
        session_class.client_address);
  }
  std::vector<DowngradeEntry> entries;
  entries.reserve(downgrades.size());
  for (const store::Downgrade& downgrade : downgrades) {
    entries.push_back({.downgrade = downgrade, .addresses = addresses[{downgrade.day, downgrade.sender}]});
  }
  std::ranges::stable_sort(entries, std::ranges::greater(),
                           [](const DowngradeEntry& entry) { return entry.downgrade.first_plaintext; });
  return entries;
}

}  // namespace starttls::report
