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

namespace starttls::report {

// What sessions can be grouped by, in the order of the manual. `failure`: failed handshakes only, by their
// reason. `version`: encrypted sessions only. `sender`: by the sending domain; `host`: by the client's name,
// or its address if it has no name; `address`: by its address.
enum class Grouping { protection, version, day, domain, sender, host, address, mx, cipher, failure };

// "protection", "version", ...; none for another word.
std::optional<Grouping> parse_grouping(std::string_view word);

// The name of a host, or its address if it has no name.
std::string client_label(const store::SessionClass& session_class);

struct Figures {
  std::uint64_t sessions = 0;
  std::uint64_t tls = 0;
  std::uint64_t plaintext = 0;
  std::uint64_t no_mail = 0;
  std::uint64_t no_helo = 0;
  std::uint64_t failed = 0;  // handshakes, by the MTA's log
  std::uint64_t messages = 0;
};

Figures& operator+=(Figures& figures, const Figures& more);
Figures to_figures(session::Outcome outcome, const store::Tally& tally);

// The sessions of a class that count: all, or those with a recipient in the domain. None: there are none.
std::optional<store::Tally> tally_for(const store::ClassCount& count,
                                      const std::optional<std::string>& domain);

// By the name of the group: "TLSv1.3" or "plaintext" (protection), "2026-11-22", "example.org",
// "mail.sender.test" or the address if a sender has no name, ...
using GroupedFigures = std::map<std::string, Figures>;

// Adds up counts one by one. With a domain, only sessions that had an accepted recipient in it, and the
// messages for it. `sender_of` returns the name of a sender, for Grouping::sender; it must stay valid.
class FigureGroups {
 public:
  using SenderOf = std::function<std::string_view(const store::SessionClass&)>;

  explicit FigureGroups(Grouping by, std::optional<std::string> domain = std::nullopt,
                        SenderOf sender_of = {})
      : by_(by), domain_(std::move(domain)), sender_of_(std::move(sender_of)) {}

  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  GroupedFigures figures() const { return {groups_.begin(), groups_.end()}; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  std::string_view name_of(const store::SessionClass& session_class);
  Figures& group(std::string_view name);

  Grouping by_;
  std::optional<std::string> domain_;
  SenderOf sender_of_;
  std::unordered_map<std::string, Figures, Hash, std::equal_to<>> groups_;
  // The group that was added to last: counts are sorted by day.
  std::string_view last_name_;
  Figures* last_ = nullptr;
  // The last name that is not a member of a class, and the day that it is for.
  std::string name_;
  std::optional<Day> named_day_;
};

Figures sum(const GroupedFigures& groups);

}  // namespace starttls::report
