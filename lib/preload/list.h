// A preload list in memory (STARTTLS-Everywhere list format 0.1): for each domain, how to reach its mail
// servers. Compact: a million domains take some 80 MB, most of it the names themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "base/result.h"
#include "mtasts/mode.h"

namespace starttls::preload {

using mtasts::Mode;
using mtasts::to_string;

// A view into a List, which must outlive it.
struct Entry {
  std::string_view domain;  // as DomainName makes it; matches this very name, no subdomain
  Mode mode = Mode::none;
  // The MX patterns (see MxPattern), joined by ':'. Empty only where the mode is none.
  std::string_view joined_mxs;
};

std::vector<std::string_view> split_mxs(const Entry& entry);

class List {
 public:
  Time timestamp;  // when the list was made
  Time expires;    // later than timestamp; from then on the list is not used
  std::string version;
  std::string author;

  List() = default;

  // Domains in ascending order, each one once.
  std::size_t size() const { return order_.size(); }
  Entry operator[](std::size_t index) const { return view(record(index)); }
  std::optional<Entry> find(std::string_view domain) const;

  // For a loop over all entries, which are spread in memory: prefetches the next ones.
  void prefetch(std::size_t index) const {
    if (index + 2 * ahead < order_.size()) __builtin_prefetch(&record(index + 2 * ahead));
    if (index + ahead < order_.size()) __builtin_prefetch(record(index + ahead).domain);
  }

 private:
  friend class ListBuilder;
  struct Record {
    const char* domain = nullptr;
    const char* mxs = nullptr;  // nullptr: a dropped entry, which put_in_order() removes
    std::uint32_t line = 0;     // in the JSON text
    std::uint32_t column = 0;
    std::uint16_t mxs_size = 0;
    std::uint8_t domain_size = 0;
    Mode mode = Mode::none;
  };
  static constexpr std::size_t ahead = 8;
  static Entry view(const Record& record);
  const Record& record(std::size_t index) const { return records_[order_[index]]; }

  std::unique_ptr<std::pmr::monotonic_buffer_resource> text_ =
      std::make_unique<std::pmr::monotonic_buffer_resource>(64 * 1024);
  std::vector<Record> records_;
  std::vector<std::uint32_t> order_;  // of the valid records, by their domains
};

// Fills a List in any order and then puts it in order.
class ListBuilder {
 public:
  // The list's own copy of a text, for as long as the list lives.
  std::string_view keep(std::string_view text);

  // `domain` and `joined_mxs` must be as in Entry; the domain is copied, the patterns must have been kept.
  // `place` is where the text has the entry.
  void add(const Entry& entry, Position position);
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
  const char* copy(std::string_view text);
  static Position position_of(const List::Record& record) {
    return {.line = record.line, .column = record.column};
  }
  struct SortKey {
    std::uint64_t part = 0;
    std::uint32_t index = 0;  // of the record
  };
  std::string_view name_of(const SortKey& key) const { return List::view(list_.records_[key.index]).domain; }
  void sort();
  void read_parts(std::span<SortKey> keys, std::size_t depth) const;
  void sort(std::span<SortKey> keys, std::size_t depth) const;

  List list_;
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
