#include "listtool/changes.h"

#include <algorithm>
#include <array>

namespace starttls::listtool {

bool same_policy(const preload::Entry& a, const preload::Entry& b) {
  if (a.mode != b.mode || a.joined_mxs.size() != b.joined_mxs.size()) return false;
  if (a.joined_mxs == b.joined_mxs) return true;
  // No entry has the same pattern twice.
  auto patterns_of_a = preload::split_mxs(a.joined_mxs);
  auto patterns_of_b = preload::split_mxs(b.joined_mxs);
  std::ranges::sort(patterns_of_a);
  std::ranges::sort(patterns_of_b);
  return patterns_of_a == patterns_of_b;
}

ChangeCounts compare(std::span<const preload::List* const> before,
                     std::span<const preload::List* const> after, const EachChange& each) {
  ChangeCounts counts;
  preload::Overlay old_ones(before);
  preload::Overlay new_ones(after);
  auto old_one = old_ones.next();
  auto new_one = new_ones.next();
  while (old_one || new_one) {
    const bool is_old = old_one && (!new_one || old_one->entry.domain <= new_one->entry.domain);
    const bool is_new = new_one && (!old_one || new_one->entry.domain <= old_one->entry.domain);
    const bool same = is_old && is_new && same_policy(old_one->entry, new_one->entry);
    if (!same) {
      ++(is_old && is_new ? counts.changed : is_new ? counts.added : counts.removed);
      if (each) {
        each(is_old ? std::optional(old_one->entry) : std::nullopt,
             is_new ? std::optional(new_one->entry) : std::nullopt);
      }
    }
    if (is_old) old_one = old_ones.next();
    if (is_new) new_one = new_ones.next();
  }
  return counts;
}

ChangeCounts compare(const preload::List& before, const preload::List& after, const EachChange& each) {
  const std::array old_list{&before};
  const std::array new_list{&after};
  return compare(std::span(old_list), std::span(new_list), each);
}

}  // namespace starttls::listtool
