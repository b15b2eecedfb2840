// The operator's own word on single domains, which goes before every other source (starttls-overrides(5)).
//
// One domain a line, in words parted by blanks or tabs; lines end in LF or CRLF:
//
//   DOMAIN enforce MX...    over authenticated TLS to one of these, or not at all
//   DOMAIN none             as if nobody had a policy for it
//
// '#' begins a comment, at the front of a line or after a blank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "base/result.h"
#include "preload/list.h"

namespace starttls::policy {

// People write this by hand; a longer one is a mistake.
inline constexpr std::size_t overrides_size_limit = 1 << 20;  // bytes
// A domain with as many MX patterns as may be, of full length, and room for a comment.
inline constexpr std::size_t override_line_limit = 20'000;  // bytes
inline constexpr std::size_t max_override_mxs = 64;

// Overrides have no date of their own. This is the last second that an RFC 3339 time can name.
inline constexpr Time never =
    std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1} - std::chrono::seconds{1};

struct OverrideReading {
  // One more list, to be laid over all others: its modes are enforce and none, it was made in 1970, expires
  // never and names no author. Its reader has the author at hand, so a single fault takes the whole of it:
  // then Fault::config with the first finding, "FILE:3:7: ...".
  Result<preload::List> list;
  std::vector<Finding> findings;  // everything that is wrong, in the order of the places
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::most
};

// `name` is the file's, for the sentence of the error. The list keeps no view of the text.
OverrideReading read_overrides(std::string_view name, std::string_view text);

// Fault::config also where the file cannot be read, since the configuration names it.
OverrideReading load_overrides(const std::filesystem::path& file);

}  // namespace starttls::policy
