// What changes for each domain from one edition of a list to another, or from one set of lists to another.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "preload/list.h"

namespace starttls::listtool {

// How many domains.
struct ChangeCounts {
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t changed = 0;

  bool none() const { return added == 0 && removed == 0 && changed == 0; }
};

// `before` is empty for a domain that was added, `after` for one that was removed.
using EachChange = std::function<void(const std::optional<preload::Entry>& before,
                                      const std::optional<preload::Entry>& after)>;

// Whether two entries demand the same: the same mode, and the same patterns in whatever order.
bool same_policy(const preload::Entry& a, const preload::Entry& b);

// Gives each domain whose entry came, went or demands something else, in the order of their names. Entries
// are compared as they are written: one of mode none is not the same as no entry. Neither looks at a clock.
ChangeCounts compare(const preload::List& before, const preload::List& after, const EachChange& each = {});

// The same of what counts in each of two overlays (see preload::Overlay).
ChangeCounts compare(std::span<const preload::List* const> before,
                     std::span<const preload::List* const> after, const EachChange& each = {});

}  // namespace starttls::listtool
