// A preload list in memory (STARTTLS-Everywhere list format 0.1): for each domain, how its mail servers must
// be reached. Compact: a million domains take some 80 MB, most of it the names themselves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::preload {

enum class Mode : std::uint8_t {
  none,     // the list demands nothing; an overlay says so to cancel the entry of a list below it
  testing,  // deliver as if there were no entry; what would have failed is worth knowing
  enforce,  // deliver only over authenticated TLS to a matching MX host, or not at all
};
std::string_view to_text(Mode mode);

// A view into a List, which must outlive it.
struct Entry {
  std::string_view domain;  // as DomainName makes it; matches this very name, no subdomain
  Mode mode = Mode::none;
  // The MX patterns (see MxPattern), joined by ':'. Empty only where the mode is none.
  std::string_view joined_mxs;
};

std::vector<std::string_view> mxs_of(const Entry& entry);

// How far ahead of the clock a list may be dated: time zones and clocks go wrong by hours, not by days. A
// list from the far future would keep every honest later one out ("timestamps only grow").
inline constexpr std::chrono::hours furthest_ahead{24};

class List {
 public:
  Time timestamp;  // when the list was made
  Time expires;    // later than timestamp; from then on the list means nothing
  std::string version;
  std::string author;

  List() = default;

  // Domains in ascending order, each one once.
  std::size_t size() const { return records_.size(); }
  Entry operator[](std::size_t index) const;
  std::optional<Entry> find(std::string_view domain) const;

 private:
  friend class ListBuilder;
  struct Record {
    const char* domain = nullptr;
    const char* mxs = nullptr;  // nullptr where the entry does not stand, which put_in_order() clears away
    std::uint32_t offset = 0;   // in the JSON text
    std::uint16_t mxs_size = 0;
    std::uint8_t domain_size = 0;
    Mode mode = Mode::none;
  };
  static Entry view(const Record& record);

  std::unique_ptr<std::pmr::monotonic_buffer_resource> text_ =
      std::make_unique<std::pmr::monotonic_buffer_resource>(64 * 1024);
  std::vector<Record> records_;
};

// Fills a List in any order and then puts it in order.
class ListBuilder {
 public:
  // The views are copied, `domain` and `joined_mxs` must be as Entry says. `offset` is where the text has it.
  void add(const Entry& entry, std::size_t offset);
  // An entry of this domain is there, too, but does not stand. Where it is the first, no other one stands.
  void drop(std::string_view domain, std::size_t offset);

  struct Duplicate {
    std::string_view domain;  // a view into the list
    std::size_t offset;       // of the one that was dropped
  };
  // Of a domain that was added twice the first one, by offset, stays. To be called once.
  std::vector<Duplicate> put_in_order();

  List& list() { return list_; }

 private:
  const char* keep(std::string_view text);

  List list_;
  std::string last_mxs_;  // neighbours often have the same servers: those are kept once
  const char* last_kept_ = nullptr;
};

// Why the list means nothing any more, without its name; nothing where it has not expired.
std::optional<Error> expired_at(const List& list, Time now);

// Whether the list may be used now. Fault::data, without the list's name: it expired, or is from the far
// future.
Result<void> usable_at(const List& list, Time now);

// An entry of one of several lists.
struct Chosen {
  std::uint32_t list = 0;
  std::uint32_t entry = 0;
};

// Later lists overlay earlier ones: for each domain the entry of the last list that has one. In the order of
// the domains.
std::vector<Chosen> overlay(std::span<const List* const> lists);

}  // namespace starttls::preload
