// What an edition of the list changes, and whether it may be published: a publisher's own mistake, or a day without
// network, must not take entries off the list. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/domain.h"

namespace starttls::listing {

// Between two editions, of domains in their order.
struct Difference {
  std::vector<DomainName> added;
  std::vector<DomainName> removed;
  std::vector<DomainName> changed;  // other MX patterns

  bool is_empty() const { return added.empty() && removed.empty() && changed.empty(); }
};

struct EditionLimits {
  unsigned max_change = 10;      // percent of the entries that may leave or change
  std::size_t free_changes = 2;  // which may always: a short list has no ten percent
  unsigned max_unknown = 20;     // percent of the observations that may tell nothing
  std::size_t free_unknown = 2;  // which may always
};

// The observations of a run.
struct ObservationCounts {
  std::size_t all = 0;
  std::size_t unknown = 0;  // that told nothing
};

// Why the edition must not be published, a sentence without full stop each; none: it may be. `before`: the number of
// entries of the last edition.
std::vector<std::string> faults_of_edition(std::size_t before, const Difference& difference,
                                           const ObservationCounts& counts, const EditionLimits& limits);

}  // namespace starttls::listing
