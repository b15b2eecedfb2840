#include "preload/list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <ranges>

namespace starttls::preload {
namespace {

// Eight bytes of a name from `at` on, as a number that sorts like them. After its end a name has zeros.
std::uint64_t part_of(std::string_view name, std::size_t at) {
  std::uint64_t part = 0;
  if (at < name.size()) std::memcpy(&part, name.data() + at, std::min(sizeof part, name.size() - at));
  if constexpr (std::endian::native == std::endian::little) part = __builtin_bswap64(part);
  return part;
}

}  // namespace

std::vector<std::string_view> split_mxs(const Entry& entry) {
  std::vector<std::string_view> mxs;
  for (const auto part : std::views::split(entry.joined_mxs, ':')) mxs.emplace_back(part.begin(), part.end());
  return mxs;
}

Entry List::view(const Record& record) {
  return {.domain = {record.domain, record.domain_size},
          .mode = record.mode,
          .joined_mxs = {record.mxs, record.mxs_size}};
}

std::optional<Entry> List::find(std::string_view domain) const {
  const auto name = [&](std::uint32_t index) { return view(records_[index]).domain; };
  const auto found = std::ranges::lower_bound(order_, domain, {}, name);
  if (found == order_.end() || name(*found) != domain) return std::nullopt;
  return view(records_[*found]);
}

const char* ListBuilder::copy(std::string_view text) {
  if (text.empty()) return "";
  char* kept = static_cast<char*>(list_.text_->allocate(text.size(), 1));
  std::memcpy(kept, text.data(), text.size());
  return kept;
}

std::string_view ListBuilder::keep(std::string_view text) {
  return {copy(text), text.size()};
}

void ListBuilder::add(const Entry& entry, Position position) {
  list_.records_.push_back({.domain = copy(entry.domain),
                            .mxs = entry.joined_mxs.data(),
                            .line = static_cast<std::uint32_t>(position.line),
                            .column = static_cast<std::uint32_t>(position.column),
                            .mxs_size = static_cast<std::uint16_t>(entry.joined_mxs.size()),
                            .domain_size = static_cast<std::uint8_t>(entry.domain.size()),
                            .mode = entry.mode});
}

void ListBuilder::drop(std::string_view domain, Position position) {
  add({.domain = domain, .mode = Mode::none, .joined_mxs = {}}, position);
}

void ListBuilder::read_parts(std::span<SortKey> keys, std::size_t depth) const {
  for (SortKey& key : keys) key.part = part_of(name_of(key), depth);
}

// Compares eight bytes of the names at a time, as numbers. First those from `depth` on, which the keys hold;
// names that are equal there are sorted by the next eight. So a name itself is read only when it is needed,
// which matters for millions of names spread over memory.
void ListBuilder::sort(std::span<SortKey> keys, std::size_t depth) const {
  std::ranges::sort(keys, {}, &SortKey::part);
  for (auto run = keys.begin(); run != keys.end();) {
    const auto end = std::find_if(run, keys.end(), [&](const SortKey& key) { return key.part != run->part; });
    const bool at_their_end = (run->part & 0xFFU) == 0;
    if (at_their_end) {
      std::ranges::sort(run, end, {},
                        [&](const SortKey& key) { return position_of(list_.records_[key.index]); });
    } else if (end - run > 1) {
      const std::span same(run, end);
      read_parts(same, depth + sizeof run->part);
      sort(same, depth + sizeof run->part);
    }
    run = end;
  }
}

void ListBuilder::sort() {
  const auto& records = list_.records_;
  list_.order_.resize(records.size());
  for (std::uint32_t i = 0; i < list_.order_.size(); ++i) list_.order_[i] = i;
  // Publishers usually sort their lists.
  const auto out_of_order = [](const List::Record& a, const List::Record& b) {
    return List::view(a).domain >= List::view(b).domain;
  };
  if (std::ranges::adjacent_find(records, out_of_order) == records.end()) return;
  std::vector<SortKey> keys(records.size());
  for (std::uint32_t i = 0; i < keys.size(); ++i) keys[i].index = i;
  read_parts(keys, 0);
  sort(keys, 0);
  std::ranges::transform(keys, list_.order_.begin(), &SortKey::index);
}

std::vector<ListBuilder::Duplicate> ListBuilder::put_in_order() {
  sort();
  std::vector<Duplicate> duplicates;
  std::string_view last;  // no domain is empty
  std::erase_if(list_.order_, [&, at = std::size_t{0}](std::uint32_t index) mutable {
    list_.prefetch(++at);
    const List::Record& record = list_.records_[index];
    const auto domain = List::view(record).domain;
    const bool stands = record.mxs != nullptr;
    if (domain != last) {
      last = domain;
      return !stands;
    }
    if (stands) duplicates.push_back({.domain = domain, .position = position_of(record)});
    return true;
  });
  return duplicates;
}

std::optional<Error> check_expired(Time expires, Time now) {
  if (now < expires) return std::nullopt;
  return Error{.fault = Fault::data, .message = fmt::format("it expired on {}", to_rfc3339(expires))};
}

std::optional<Error> check_expired(const List& list, Time now) {
  return check_expired(list.expires, now);
}

Result<void> check_usable(const List& list, Time now) {
  if (auto expired = check_expired(list, now)) return std::unexpected(std::move(*expired));
  if (list.timestamp > now + max_ahead_of_clock) {
    return fail(Fault::data, "it is dated {}, which is more than {} hours ahead of the clock",
                to_rfc3339(list.timestamp), max_ahead_of_clock.count());
  }
  return {};
}

Overlay::Overlay(std::span<const List* const> lists) {
  walks_.reserve(lists.size());
  for (const List* const list : lists) walks_.push_back({.list = list, .next = 0});
}

std::optional<Overlay::Found> Overlay::next() {
  std::optional<Found> first;
  for (std::size_t i = 0; i < walks_.size(); ++i) {
    const auto& [list, next] = walks_[i];
    if (next == list->size()) continue;
    list->prefetch(next);
    const Entry entry = (*list)[next];
    if (first && entry.domain > first->entry.domain) continue;
    // Skip the same domain in a list with lower precedence.
    if (first && entry.domain == first->entry.domain) ++walks_[first->list].next;
    first = {.entry = entry, .list = i};
  }
  if (first) ++walks_[first->list].next;
  return first;
}

void overlay(std::span<const List* const> lists,
             const std::function<void(const Entry& entry, std::size_t list)>& each) {
  Overlay all(lists);
  while (const auto found = all.next()) each(found->entry, found->list);
}

}  // namespace starttls::preload
