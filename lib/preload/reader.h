// Reads a preload list (STARTTLS-Everywhere list format 0.1, JSON; starttls-list(5)) from its text.
//
//   { "timestamp": T, "expires": T, "version": "0.1", "author": "...",
//     "policy-aliases": { NAME: POLICY, ... },
//     "policies": { DOMAIN: POLICY | { "policy-alias": NAME }, ... } }
//
// T is an RFC 3339 time or a number of seconds since 1970; POLICY is { "mode": M, "mxs": [ PATTERN, ... ] }.
//
// A fault of the whole (no JSON, a member missing or wrong, no valid policy) refuses the list. A fault of one
// entry drops only that entry. All faults become findings with their positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/finding.h"
#include "base/result.h"
#include "preload/checks.h"
#include "preload/list.h"

namespace starttls::preload {

// A million domains take some 120 MB as text.
inline constexpr std::size_t list_size_limit = std::size_t{512} << 20U;  // bytes
// The format needs four levels; the rest is for unknown members.
inline constexpr std::size_t depth_limit = 16;

// Findings of one list; further ones are only counted.
inline constexpr std::size_t max_findings = 100'000;

// Policy aliases of a list. The original list had four.
inline constexpr std::size_t max_aliases = 100'000;

struct Reading {
  // Else Fault::data with the first finding that refuses the list, or the error of reading the text.
  Result<List> list;
  std::vector<Finding> findings;  // in the order of their positions
  std::uint64_t suppressed = 0;   // further findings, beyond max_findings
  Position timestamp;             // of these two members, where the list has them
  Position expires;

  std::size_t faults() const;  // among `findings`
};

// `name` is the name of the text for errors. The text is read once and not kept. Where it cannot be read to
// its end, there is no list but that error, whatever else was found.
Reading read_list(std::string_view name, const ReadBytes& read, const Checks& checks = {});
Reading read_list(std::string_view name, std::string_view json, const Checks& checks = {});

}  // namespace starttls::preload
