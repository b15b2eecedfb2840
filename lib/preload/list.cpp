#include "preload/list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <utility>

namespace starttls::preload {
namespace {

constexpr char itself = '\x01';  // in place of the domain in its own patterns; no pattern has this character
constexpr std::uint8_t dropped = 0xFF;                     // in place of the mode
constexpr std::size_t max_recent = std::size_t{1} << 17U;  // different patterns that are recognized again

// Four bytes of a name from `at` on, as a number that sorts like them. After its end a name has zeros.
std::uint32_t part_of(std::string_view name, std::size_t at) {
  std::uint32_t part = 0;
  if (at < name.size()) std::memcpy(&part, name.data() + at, std::min(sizeof part, name.size() - at));
  if constexpr (std::endian::native == std::endian::little) part = __builtin_bswap32(part);
  return part;
}

template <typename Number>
Number read_number(const char* from) {
  Number number{};
  std::memcpy(&number, from, sizeof number);
  return number;
}

template <typename Number>
void write_number(char* to, Number number) {
  std::memcpy(to, &number, sizeof number);
}

// Into `patterns`: those of the domain, with `itself` in its place.
void without_domain(std::string_view joined_mxs, std::string_view domain, std::string& patterns) {
  patterns.clear();
  for (auto found = joined_mxs.find(domain); found != joined_mxs.npos; found = joined_mxs.find(domain)) {
    patterns.append(joined_mxs.substr(0, found)).append(1, itself);
    joined_mxs.remove_prefix(found + domain.size());
  }
  patterns.append(joined_mxs);
}

std::string with_domain(std::string_view patterns, std::string_view domain) {
  std::string joined_mxs;
  joined_mxs.reserve(patterns.size() + 4 * domain.size());
  for (auto found = patterns.find(itself); found != patterns.npos; found = patterns.find(itself)) {
    joined_mxs.append(patterns.substr(0, found)).append(domain);
    patterns.remove_prefix(found + 1);
  }
  return std::move(joined_mxs.append(patterns));
}

}  // namespace

std::vector<std::string_view> split_mxs(std::string_view joined_mxs) {
  std::vector<std::string_view> mxs;
  for (const auto part : std::views::split(joined_mxs, ':')) mxs.emplace_back(part.begin(), part.end());
  return mxs;
}

void List::prefetch(std::size_t index) const {
  if (index + 2 * ahead < places_.size()) __builtin_prefetch(texts_.at(places_[index + 2 * ahead]));
  if (index + ahead < places_.size()) {
    const auto patterns = read_number<std::uint32_t>(texts_.at(places_[index + ahead]));
    __builtin_prefetch(texts_.at(patterns));
  }
}

std::string_view List::patterns_at(std::uint32_t place) const {
  const char* const at = texts_.at(place);
  return {at + sizeof(std::uint16_t), read_number<std::uint16_t>(at)};
}

Entry List::entry_at(std::uint32_t place) const {
  const std::string_view domain = domain_of(place);
  const auto patterns = read_number<std::uint32_t>(texts_.at(place));
  return {.domain = domain, .mode = mode_of(place), .joined_mxs = with_domain(patterns_at(patterns), domain)};
}

std::optional<Entry> List::find(std::string_view domain) const {
  const auto name = [&](std::uint32_t place) { return domain_of(place); };
  const auto found = std::ranges::lower_bound(places_, domain, {}, name);
  if (found == places_.end() || name(*found) != domain) return std::nullopt;
  return entry_at(*found);
}

void ListBuilder::append(std::string_view domain, std::uint8_t mode, std::uint32_t patterns,
                         Position position) {
  const auto place = list_.texts_.make(List::domain_at + domain.size());
  char* const to = list_.texts_.at(place);
  write_number(to, patterns);
  to[List::size_at] = static_cast<char>(domain.size());
  to[List::mode_at] = static_cast<char>(mode);
  std::ranges::copy(domain, to + List::domain_at);
  list_.places_.push_back(place);
  positions_.add(position);
}

// The place of the same patterns, if they were seen lately, or a new one.
std::uint32_t ListBuilder::keep_patterns(std::string_view patterns) {
  if (patterns.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw std::length_error("MX patterns of more than 64 KiB");
  }
  if (recent_.empty()) recent_.resize(max_recent);
  std::uint32_t& place = recent_[std::hash<std::string_view>{}(patterns) % max_recent];
  if (place != 0 && list_.patterns_at(place) == patterns) return place;
  place = list_.texts_.make(sizeof(std::uint16_t) + patterns.size());
  char* const to = list_.texts_.at(place);
  write_number(to, static_cast<std::uint16_t>(patterns.size()));
  std::ranges::copy(patterns, to + sizeof(std::uint16_t));
  return place;
}

void ListBuilder::add(std::string_view domain, Mode mode, std::string_view joined_mxs, Position position) {
  without_domain(joined_mxs, domain, patterns_);
  append(domain, static_cast<std::uint8_t>(mode), keep_patterns(patterns_), position);
}

void ListBuilder::drop(std::string_view domain, Position position) {
  append(domain, dropped, keep_patterns({}), position);
}

void ListBuilder::read_parts(std::span<SortKey> keys, std::size_t depth) const {
  constexpr std::size_t ahead = 2 * List::ahead;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i + ahead < keys.size()) __builtin_prefetch(list_.texts_.at(list_.places_[keys[i + ahead].index]));
    keys[i].part = part_of(list_.domain_of(list_.places_[keys[i].index]), depth);
  }
}

// Entries of one domain. Each position is read once, whatever their number.
void ListBuilder::sort_by_position(std::span<SortKey> same_name) const {
  std::vector<std::pair<Position, SortKey>> entries;
  entries.reserve(same_name.size());
  for (const SortKey& key : same_name) entries.emplace_back(positions_.at(key.index), key);
  std::ranges::sort(entries, {},
                    [](const auto& entry) { return std::pair(entry.first, entry.second.index); });
  std::ranges::transform(entries, same_name.begin(), [](const auto& entry) { return entry.second; });
}

// Compares four bytes of the names at a time, as numbers. First those from `depth` on, which the keys hold;
// names that are equal there are sorted by the next four. So a name itself is read only when it is needed,
// which matters for millions of names spread over memory.
void ListBuilder::sort(std::span<SortKey> keys, std::size_t depth) const {
  std::ranges::sort(keys, {}, &SortKey::part);
  for (auto run = keys.begin(); run != keys.end();) {
    const auto end = std::find_if(run, keys.end(), [&](const SortKey& key) { return key.part != run->part; });
    const bool at_their_end = (run->part & 0xFFU) == 0;
    if (end - run > 1) {
      const std::span same(run, end);
      if (at_their_end) {
        sort_by_position(same);
      } else {
        read_parts(same, depth + sizeof run->part);
        sort(same, depth + sizeof run->part);
      }
    }
    run = end;
  }
}

bool ListBuilder::is_in_order() const {
  const auto name = [&](std::uint32_t place) { return list_.domain_of(place); };
  return std::ranges::adjacent_find(list_.places_, std::ranges::greater_equal{}, name) == list_.places_.end();
}

// Empty if the entries are in order already: publishers usually sort their lists.
std::vector<ListBuilder::SortKey> ListBuilder::sort() const {
  std::vector<SortKey> keys;
  if (is_in_order()) return keys;
  keys.resize(list_.places_.size());
  for (std::uint32_t i = 0; i < keys.size(); ++i) keys[i].index = i;
  read_parts(keys, 0);
  sort(keys, 0);
  return keys;
}

std::vector<ListBuilder::Duplicate> ListBuilder::put_in_order() {
  recent_ = {};
  std::vector<SortKey> keys = sort();
  const auto place_of = [&](std::size_t i) { return keys.empty() ? list_.places_[i] : keys[i].part; };
  for (SortKey& key : keys) key.part = list_.places_[key.index];
  std::vector<Duplicate> duplicates;
  std::string_view last;  // no domain is empty
  std::size_t kept = 0;   // at most i: what is overwritten was read
  for (std::size_t i = 0; i < list_.places_.size(); ++i) {
    if (i + List::ahead < keys.size()) __builtin_prefetch(list_.texts_.at(keys[i + List::ahead].part));
    const std::uint32_t place = place_of(i);
    const auto domain = list_.domain_of(place);
    const bool stands = static_cast<std::uint8_t>(list_.mode_of(place)) != dropped;
    const bool is_first = std::exchange(last, domain) != domain;
    if (is_first && stands) list_.places_[kept++] = place;
    if (!is_first && stands) {
      duplicates.push_back({.domain = domain, .position = positions_.at(keys[i].index)});
    }
  }
  list_.places_.resize(kept);
  positions_ = {};
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
  std::optional<std::size_t> first;
  std::string_view first_domain;
  for (std::size_t i = 0; i < walks_.size(); ++i) {
    const auto& [list, next] = walks_[i];
    if (next == list->size()) continue;
    list->prefetch(next);
    const std::string_view domain = list->domain(next);
    if (first && domain > first_domain) continue;
    // Skip the same domain in a list with lower precedence.
    if (first && domain == first_domain) ++walks_[*first].next;
    first = i;
    first_domain = domain;
  }
  if (!first) return std::nullopt;
  Walk& walk = walks_[*first];
  return Found{.entry = (*walk.list)[walk.next++], .list = *first};
}

void overlay(std::span<const List* const> lists,
             const std::function<void(const Entry& entry, std::size_t list)>& each) {
  Overlay all(lists);
  while (const auto found = all.next()) each(found->entry, found->list);
}

}  // namespace starttls::preload
