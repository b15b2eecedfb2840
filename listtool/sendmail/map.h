// Policies for Sendmail 8.17, in the map of FEATURE(`sts') that makemap(8) makes.
//
// Sendmail enforces exactly one form of policy. It silently ignores any other form, or cannot follow it, so
// that all mail to the domain is deferred. So only this form is written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/decision.h"
#include "preload/list.h"

namespace starttls::listtool {
struct Source;
}

namespace starttls::listtool::sendmail {

struct Rules {
  // Treat testing as enforce.
  bool early_adopter = false;
};

// Whether mail to the domain must be sent over authenticated TLS only.
bool is_enforced(const preload::Entry& entry, const Rules& rules);

// The longest match=, in bytes. Sendmail extracts it from the policy with a map of class regex, which cuts
// its result at that length. A name that is cut might be the name of another owner's host.
inline constexpr std::size_t max_match_length = 255;

// "secure match=mx.example.org:.example.net servername=hostname"; nothing if the entry demands nothing, is
// only testing, or has more patterns than Sendmail can compare.
std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules);

// The decision for a domain from all sources but DANE, which Sendmail does not support.
std::optional<std::string> policy_for(std::string_view domain, const policy::Decision& answer);

enum class Written {
  enforced,   // the domain is in the map
  commented,  // the entry demands nothing, or is only testing
  left_out,   // the entry demands what this kind of map cannot express: the administrator should notice
};

// The head of the map in text form, the input of makemap(8): comments about the lists, how to make the map,
// and how to configure Sendmail. The last two are missing if `path` is not valid in an .mc file (see
// mc_lines). `path` is the file of the text; it is empty for standard output.
std::string head(std::span<const Source> sources, const std::filesystem::path& path);

// Appends the line of one entry: "domain<TAB>policy", or a comment. No line is longer than makemap can read.
Written append_line(std::string& out, const preload::Entry& entry, const Rules& rules);

// How many entries had each result.
struct Tally {
  std::size_t enforced = 0;
  std::size_t commented = 0;
  std::size_t left_out = 0;

  void count(Written written);
};

// The comment at the end of a map.
std::string end(const Tally& tally, const Rules& rules);

}  // namespace starttls::listtool::sendmail
