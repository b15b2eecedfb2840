#include "listing/edition.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"

namespace starttls::listing {

Edition edition_of(const std::vector<Entry>& entries) {
  Edition edition;
  for (const Entry& entry : entries) {
    if (is_on_list(entry)) edition.emplace(entry.domain, entry.mxs);
  }
  return edition;
}

Difference compare(const Edition& before, const Edition& after) {
  Difference difference;
  for (const auto& [domain, mxs] : before) {
    const auto found = after.find(domain);
    if (found == after.end()) {
      difference.removed.push_back(domain);
    } else if (found->second != mxs) {
      difference.changed.push_back(domain);
    }
  }
  for (const auto& [domain, mxs] : after) {
    if (!before.contains(domain)) difference.added.push_back(domain);
  }
  return difference;
}

std::vector<std::string> faults_of_edition(const Edition& before, const Difference& difference,
                                           const ObservationCounts& counts, const EditionLimits& limits) {
  std::vector<std::string> faults;
  const std::size_t changes = difference.removed.size() + difference.changed.size();
  const std::size_t allowed = std::max(limits.free_changes, before.size() * limits.max_change / 100);
  if (changes > allowed) {
    faults.push_back(fmt::format("of {}, {} would leave and {} would change; max_change ({} %) allows {}",
                                 counted(before.size(), "entry"), difference.removed.size(),
                                 difference.changed.size(), limits.max_change, allowed));
  }
  if (counts.unknown * 100 > counts.all * limits.max_unknown) {
    faults.push_back(fmt::format("{} of {} told nothing, more than max_unknown ({} %): is the network down?",
                                 counts.unknown, counted(counts.all, "check"), limits.max_unknown));
  }
  return faults;
}

}  // namespace starttls::listing
