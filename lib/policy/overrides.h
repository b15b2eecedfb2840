// The operator's policies for single domains, which override every other source (starttls-overrides(5)).
//
// One domain a line, in words separated by blanks or tabs; lines end in LF or CRLF:
//
//   DOMAIN enforce MX...    deliver over authenticated TLS to one of these MX hosts, or not at all
//   DOMAIN none             deliver as if the domain had no policy
//
// '#' begins a comment, at the beginning of a line or after a blank.
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

// The file is written by hand; a larger one is a mistake.
inline constexpr std::size_t overrides_size_limit = 1 << 20;  // bytes
// A domain with the maximum of MX patterns, of full length, and a comment.
inline constexpr std::size_t override_line_limit = 20'000;  // bytes
inline constexpr std::size_t max_override_mxs = 64;

// Overrides do not expire. This is the last second that an RFC 3339 time can name.
inline constexpr Time never =
    std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1} - std::chrono::seconds{1};

struct OverrideReading {
  // A list to be laid over all others: its modes are enforce and none, its timestamp is in 1970, it never
  // expires and names no author. A single fault refuses the whole file, as its author reads the message: then
  // Fault::config with the first finding, "FILE:3:7: ...".
  Result<preload::List> list;
  std::vector<Finding> findings;  // in the order of their positions
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::max_size
};

// `name` is the file's name for errors. The list keeps no view of the text.
OverrideReading read_overrides(std::string_view name, std::string_view text);

// Fault::config also where the file cannot be read, as the configuration names it.
OverrideReading load_overrides(const std::filesystem::path& file);

}  // namespace starttls::policy
