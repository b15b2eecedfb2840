// A preload list in memory (STARTTLS-Everywhere list format 0.1): for each domain, how to reach its mail
// servers. Compact: a million domains take some 40 MB, most of it the names themselves.
//
// How: an entry is its domain in a pool of texts, with the place of its patterns in that pool, and the list is an array of
// 32-bit places, in the order of the domains. Where patterns contain the domain, as most do, they are kept with a mark in
// its place; so a few texts serve most domains, and the patterns of an entry are made when it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "base/result.h"
#include "mtasts/mode.h"
#include "preload/position_log.h"
#include "preload/text_pool.h"

namespace starttls::preload {

using mtasts::Mode;
using mtasts::to_string;

struct Entry {
  // As DomainName makes it; matches this very name, no subdomain. Of an entry from a List, a view into it, which must outlive
  // the entry.
  std::string_view domain;
  Mode mode = Mode::none;
  // The MX patterns (see MxPattern), joined by ':'. Empty only where the mode is none.
  std::string joined_mxs;
};

// The patterns of Entry::joined_mxs, as views into it.
std::vector<std::string_view> split_mxs(std::string_view joined_mxs);
std::vector<std::string_view> split_mxs(std::string&&) = delete;

class List {
 public:
  Time timestamp;  // when the list was made
  Time expires;    // later than timestamp; from then on the list is not used
  std::string version;
  std::string author;

  List() = default;

  // Domains in ascending order, each one once.
  std::size_t size() const { return places_.size(); }
  Entry operator[](std::size_t index) const { return entry_at(places_[index]); }
  std::string_view domain(std::size_t index) const { return domain_of(places_[index]); }
  Mode mode(std::size_t index) const { return mode_of(places_[index]); }
  std::optional<Entry> find(std::string_view domain) const;

  // For a loop over all entries, which are spread in memory: prefetches those that are read soon.
  void prefetch(std::size_t index) const;

 private:
  friend class ListBuilder;
  // At the place of an entry: the place of its patterns, the size of the domain, the mode, the domain.
  static constexpr std::size_t size_at = sizeof(std::uint32_t);
  static constexpr std::size_t mode_at = size_at + 1;
  static constexpr std::size_t domain_at = mode_at + 1;
  static constexpr std::size_t ahead = 8;

  Mode mode_of(std::uint32_t place) const { return static_cast<Mode>(texts_.at(place)[mode_at]); }
  std::string_view domain_of(std::uint32_t place) const {
    const char* const at = texts_.at(place);
    return {at + domain_at, static_cast<std::uint8_t>(at[size_at])};
  }
  std::string_view patterns_at(std::uint32_t place) const;
  Entry entry_at(std::uint32_t place) const;

  TextPool texts_;
  std::vector<std::uint32_t> places_;  // of the entries, by their domains
};

// Fills a List in any order and then puts it in order.
class ListBuilder {
 public:
  // `domain` and `joined_mxs`, of at most 64 KiB, must be as in Entry; both are copied. `position` is where the text has the
  // entry.
  void add(std::string_view domain, Mode mode, std::string_view joined_mxs, Position position);
  void add(const Entry& entry, Position position) {
    add(entry.domain, entry.mode, entry.joined_mxs, position);
  }
  // Notes an invalid entry of this domain. If it is the first one of the domain, later ones are ignored, too.
  void drop(std::string_view domain, Position position);

  struct Duplicate {
    std::string_view domain;  // a view into the list
    Position position;        // of the one that was dropped
  };
  // Keeps the first entry of each domain, by its position, and returns the others. Must be called once.
  std::vector<Duplicate> put_in_order();

  List& list() { return list_; }

 private:
  struct SortKey {
    std::uint32_t part = 0;   // four bytes of the name
    std::uint32_t index = 0;  // in the order in which the entries were added
  };
  void append(std::string_view domain, std::uint8_t mode, std::uint32_t patterns, Position position);
  std::uint32_t keep_patterns(std::string_view patterns);
  bool is_in_order() const;
  std::vector<SortKey> sort() const;
  void read_parts(std::span<SortKey> keys, std::size_t depth) const;
  void sort(std::span<SortKey> keys, std::size_t depth) const;
  void sort_by_position(std::span<SortKey> same_name) const;

  List list_;
  PositionLog positions_;
  std::string patterns_;               // of the entry that is added
  std::vector<std::uint32_t> recent_;  // places of patterns, by their hashes
};

// Why the list is not used any more, without its name; nothing if it has not expired.
std::optional<Error> check_expired(Time expires, Time now);
std::optional<Error> check_expired(const List& list, Time now);

// Whether the list may be used now. Fault::data, without the list's name: it expired, or is from the far
// future.
Result<void> check_usable(const List& list, Time now);

// Several lists as one: if several lists have a domain, the last list counts. Walks through all domains in
// ascending order, each one once. The lists must outlive it.
class Overlay {
 public:
  explicit Overlay(std::span<const List* const> lists);

  struct Found {
    Entry entry;
    std::size_t list;  // which of them it is from
  };
  // Nothing after the last domain.
  std::optional<Found> next();

 private:
  struct Walk {
    const List* list;
    std::size_t next;
  };
  std::vector<Walk> walks_;
};

// Passes each entry of the overlay on.
void overlay(std::span<const List* const> lists,
             const std::function<void(const Entry& entry, std::size_t list)>& each);

}  // namespace starttls::preload
