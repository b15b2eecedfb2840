// What an edition of the list changes, and whether it may be published: a publisher's own mistake, or a day without
// network, must not take entries off the list. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/domain.h"
#include "listing/entry.h"

namespace starttls::listing {

// The entries of an edition, all in mode enforce, with their MX patterns.
using Edition = std::map<DomainName, std::vector<std::string>>;

// Those that are on the list.
Edition edition_of(const std::vector<Entry>& entries);

struct Difference {
  std::vector<DomainName> added;
  std::vector<DomainName> removed;
  std::vector<DomainName> changed;  // other MX patterns

  bool is_empty() const { return added.empty() && removed.empty() && changed.empty(); }
};
Difference compare(const Edition& before, const Edition& after);

struct EditionLimits {
  unsigned max_change = 10;      // percent of the entries that may leave or change
  std::size_t free_changes = 2;  // which may always: a short list has no ten percent
  unsigned max_unknown = 20;     // percent of the observations that may tell nothing
};

// The observations of a run.
struct ObservationCounts {
  std::size_t all = 0;
  std::size_t unknown = 0;  // that told nothing
};

// Why the edition must not be published, a sentence without full stop each; none: it may be.
std::vector<std::string> faults_of_edition(const Edition& before, const Difference& difference,
                                           const ObservationCounts& counts, const EditionLimits& limits);

}  // namespace starttls::listing
