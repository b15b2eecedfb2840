// Policies for a Sendmail without FEATURE(`sts'), in its access map (FEATURE(`access_db')), which can express
// less.
//
// A rule of the access map (TLS_Rcpt, see "STARTTLS" in Sendmail's cf/README) can demand a certificate from a
// trusted CA whose subject has one given common name (CN). A rule cannot have several names, suffixes or
// wildcards, and does not check the certificate's other names (SANs). So a rule is possible only for domains
// with one MX host, and it works only if the certificate of that host has its name as CN; a list does not
// contain this fact. For every other domain there is a comment and no rule.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "listtool/sendmail/map.h"

namespace starttls::listtool::sendmail {

// "TEMP+VERIFY:128+CN:mx.example.org"; nothing if the entry demands nothing, is only testing, or cannot be
// expressed.
std::optional<std::string> access_rule_for(const preload::Entry& entry, const Rules& rules);

// Finds the entry of exactly this domain among those of the map.
using Find = std::function<std::optional<preload::Entry>(std::string_view domain)>;

// Rules also apply to the subdomains of their domains. If the entry has no rule of its own and the nearest
// listed domain above it has one, returns that domain, else "".
std::string_view covering_domain(const preload::Entry& entry, const Rules& rules, const Find& find);

// Comments about the lists, and about what the rules check and do not check.
std::string access_head(std::span<const Source> sources);

// Appends "TLS_Rcpt:domain<TAB>rule", or a comment. If a rule for a domain above would cover this one, also
// appends "TLS_Rcpt:domain<TAB>OK", which demands nothing. No line is longer than makemap can read.
Written append_access_line(std::string& out, const preload::Entry& entry, const Rules& rules,
                           const Find& find);

}  // namespace starttls::listtool::sendmail
