#include "listing/edition.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"

namespace starttls::listing {

std::vector<std::string> faults_of_edition(std::size_t before, const Difference& difference,
                                           const ObservationCounts& counts, const EditionLimits& limits) {
  std::vector<std::string> faults;
  const std::size_t changes = difference.removed.size() + difference.changed.size();
  const std::size_t allowed = std::max(limits.free_changes, before * limits.max_change / 100);
  if (changes > allowed) {
    faults.push_back(fmt::format("of {}, {} would leave and {} would change; max_change ({} %) allows {}",
                                 counted(before, "entry"), difference.removed.size(),
                                 difference.changed.size(), limits.max_change, allowed));
  }
  if (counts.unknown > limits.free_unknown && counts.unknown * 100 > counts.all * limits.max_unknown) {
    faults.push_back(
        fmt::format("{} of {} found out nothing, more than max_unknown ({} %): is the network down?",
                    counts.unknown, counted(counts.all, "check"), limits.max_unknown));
  }
  return faults;
}

}  // namespace starttls::listing
