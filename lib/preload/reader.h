// Reads a preload list (STARTTLS-Everywhere list format 0.1, JSON; starttls-list(5)) from its text.
//
//   { "timestamp": T, "expires": T, "version": "0.1", "author": "...",
//     "policy-aliases": { NAME: POLICY, ... },
//     "policies": { DOMAIN: POLICY | { "policy-alias": NAME }, ... } }
//
// T is an RFC 3339 time or a number of seconds since 1970; POLICY is { "mode": M, "mxs": [ PATTERN, ... ] }.
//
// A fault of the whole (no JSON, a member missing or wrong, policies of which none stands) refuses the list;
// a fault of one entry leaves out that entry only. Either way everything that is wrong is told, with its
// place.
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

// A million domains take some 120 MB.
inline constexpr std::size_t list_size_limit = std::size_t{512} << 20U;  // bytes
// The format needs four levels; the rest is for unknown members.
inline constexpr std::size_t depth_limit = 16;

// A list that is wrong in more ways than this is not described to the end.
inline constexpr std::size_t max_findings = 100'000;

// Aliases are for hosters; the original list had four.
inline constexpr std::size_t max_aliases = 100'000;

struct Reading {
  Result<List> list;              // else Fault::data, with the first finding that refuses it, or why the
                                  // text could not be read
  std::vector<Finding> findings;  // in the order of their places
  std::uint64_t suppressed = 0;   // further findings, beyond max_findings
  Position timestamp;             // of these two members, where they are there
  Position expires;

  std::size_t faults() const;  // findings of Severity::fault that are told
};

// `name` is the text's, for the sentence of an error. The text is read once and not kept. A text that could
// not be read to its end gives that error, a whole sentence, and no list, whatever else was found.
Reading read_list(std::string_view name, const ReadBytes& read, const Checks& checks = {});
Reading read_list(std::string_view name, std::string_view json, const Checks& checks = {});

}  // namespace starttls::preload
