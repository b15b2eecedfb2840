// Compares two editions of a list, or two sets of lists: what changes for each domain.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "preload/list.h"

namespace starttls::listtool {

// Numbers of domains.
struct ChangeCounts {
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t changed = 0;

  bool none() const { return added == 0 && removed == 0 && changed == 0; }
};

// `before` is empty for a domain that was added, `after` for one that was removed.
using EachChange = std::function<void(const std::optional<preload::Entry>& before,
                                      const std::optional<preload::Entry>& after)>;

// Whether two entries demand the same: the same mode and the same patterns, in any order.
bool same_policy(const preload::Entry& a, const preload::Entry& b);

// Calls back for each domain whose entry was added, removed or changed, in the order of their names. Entries
// are compared as they are written: an entry of mode none is not the same as no entry. The clock is not used.
ChangeCounts compare(const preload::List& before, const preload::List& after, const EachChange& each = {});

// Does the same with the entries that count in each of two overlays (see preload::Overlay).
ChangeCounts compare(std::span<const preload::List* const> before,
                     std::span<const preload::List* const> after, const EachChange& each = {});

}  // namespace starttls::listtool
