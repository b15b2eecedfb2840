// The figures of `tlsrpt-report summary`: daily counts, grouped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/counts.h"

namespace starttls::milter {

// What sessions can be grouped by, in the order of the manual.
// `failure`: failed handshakes only, by their reason.
enum class Grouping { protection, day, domain, sender, mx, cipher, failure };

// "protection", "day", "domain", "sender", "mx", "cipher", "failure". Fault::usage on another word.
Result<Grouping> parse_grouping(const std::string& word);

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

// With a domain, only sessions that had an accepted recipient there, and the messages for it.
GroupedFigures group(const store::DailyCounts& counts, Grouping by, const std::optional<std::string>& domain);

Figures sum(const GroupedFigures& groups);

}  // namespace starttls::milter
