// Policies for Exim, as the routers and the transport in packaging/exim read them, from a map and from `serve`:
//
//   secure match=mx.example.org:.example.net   authenticated TLS to one of these hosts, or no delivery
//   dane-only                                  DANE at every host, or no delivery
//   dane                                       DANE where a host has it: what Exim does by itself
//
// A suffix covers one label more, as in MTA-STS. Exim uses DANE wherever it finds TLSA records, also with
// "secure" (its specification, "DANE"; hosts_try_dane).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/atomic_file.h"
#include "policy/decision.h"
#include "preload/list.h"

namespace starttls::listtool {
struct Source;
}

namespace starttls::listtool::exim {

struct Rules {
  // Treat testing as enforce.
  bool early_adopter = false;
};

// Nothing if the entry's mode demands nothing or is only testing, or if it has no MX pattern.
std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules);

// The decision for a domain from all sources.
std::optional<std::string> policy_for(const policy::Decision& decision);

// Calls back with the policy of each domain that has one, in the order of the domains; `rest` gets the other
// domains.
void for_each_line(
    std::span<const Source> sources, const Rules& rules,
    const std::function<void(std::string_view domain, std::string_view policy)>& line,
    const std::function<void(const preload::Entry&)>& rest = [](const preload::Entry&) {});

// Writes the map for lsearch: head comments, then "domain: policy" for each domain, or a comment. The output
// depends only on the lists, on which of them have expired, and on the rules.
void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out);

}  // namespace starttls::listtool::exim
