// Policies for a Sendmail without FEATURE(`sts'), in its access map (FEATURE(`access_db')): less is possible.
//
// A rule of the access map (TLS_Rcpt, see "STARTTLS" in Sendmail's cf/README) can ask for a certificate from
// a trusted CA whose subject has one given common name (CN). It knows neither several names, nor suffixes,
// nor wildcards, nor the certificate's other names (SANs). So it can speak for domains with one MX host, as
// long as the certificate of that host has its name as CN, which a list does not say. For every other domain
// there is a comment and no rule.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "listtool/sendmail/map.h"

namespace starttls::listtool::sendmail {

// "TEMP+VERIFY:128+CN:mx.example.org", or nothing where the entry demands nothing, is only testing, or
// cannot be expressed.
std::optional<std::string> access_rule_for(const preload::Entry& entry, const Rules& rules);

// Looks up the entry, among those the map is made of, of this very domain.
using Find = std::function<std::optional<preload::Entry>(std::string_view domain)>;

// Rules also hold for the subdomains of their domains. Where the entry has no rule of its own and the nearest
// listed domain above it has one, that domain, else "".
std::string_view covering_domain(const preload::Entry& entry, const Rules& rules, const Find& find);

// Comments about the lists, and what the rules do and do not check.
std::string access_head(std::span<const Source> sources);

// Appends "TLS_Rcpt:domain<TAB>rule"; or a comment, and, where a rule for a domain above would cover this
// one, "TLS_Rcpt:domain<TAB>OK", which asks for nothing. No line is longer than makemap reads.
Written append_access_line(std::string& out, const preload::Entry& entry, const Rules& rules,
                           const Find& find);

}  // namespace starttls::listtool::sendmail
