// The figures of `tlsrpt-report summary`: daily counts, grouped.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "store/counts.h"

namespace starttls::milter {

// What sessions can be grouped by, in the order of the manual.
// `failure`: failed handshakes only, by their reason.
enum class Grouping { protection, day, domain, sender, mx, cipher, failure };

// "protection", "day", "domain", "sender", "mx", "cipher", "failure"; none for another word.
std::optional<Grouping> parse_grouping(std::string_view word);

// What a sender is called: its name, or its address where it has none.
std::string sender_of(const store::SessionClass& of);

struct Figures {
  std::uint64_t sessions = 0;
  std::uint64_t tls = 0;
  std::uint64_t plaintext = 0;
  std::uint64_t no_mail = 0;
  std::uint64_t no_helo = 0;
  std::uint64_t failed = 0;  // handshakes, as the MTA's log told
  std::uint64_t messages = 0;
};

// By the text that stands for the group: "TLSv1.3" or "plaintext" (protection), "2026-11-22", "example.org",
// "mail.sender.test" or the address where a sender has no name, ...
using GroupedFigures = std::map<std::string, Figures>;

// Adds up counts, as they come. With a domain, only sessions that had an accepted recipient there, and the
// messages for it.
class Groups {
 public:
  explicit Groups(Grouping by, std::optional<std::string> domain = std::nullopt)
      : by_(by), domain_(std::move(domain)) {}

  void add(const store::SessionClass& of, const store::ClassCount& count);
  GroupedFigures figures() const { return {groups_.begin(), groups_.end()}; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  std::string_view name_of(const store::SessionClass& of);
  Figures& group(std::string_view name);

  Grouping by_;
  std::optional<std::string> domain_;
  std::unordered_map<std::string, Figures, Hash, std::equal_to<>> groups_;
  // The group that was added to last: counts come day by day.
  std::string_view last_name_;
  Figures* last_ = nullptr;
  // A name that was made, and the day that it was made of.
  std::string made_;
  std::optional<Day> made_of_;
};

Figures sum(const GroupedFigures& groups);

}  // namespace starttls::milter
