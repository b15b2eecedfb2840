// The rules of RFC 7672 for the answers of the DNS: which TLSA records apply to an MX host, and what follows for
// the domain. Pure; discovery/dane_lookup.h asks the DNS.
//
//   judge_mx -> mx_hosts -> for each host: judge_addresses -> tlsa_bases -> judge_tlsa -> judge
//
// A function that returns an optional decides only in some cases; nothing means that the next step is due.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "dane/dane.h"
#include "dns/answer.h"

namespace starttls::dane {

// Hosts of a domain that are looked up. With more, the status is at best `some`, and not `none`, as the others
// may have TLSA records.
inline constexpr std::size_t max_hosts = 20;

struct ExaminedHost {
  Host host;
  std::chrono::seconds ttl{0};  // the least of its answers
};

// The result, where the answer for the MX records alone decides.
std::optional<DaneResult> judge_mx(const dns::Answer& mx);

// The hosts to look up, by preference, each once; one more than max_hosts where there are more. A domain without
// MX records is its own MX host (RFC 5321 section 5.1).
std::vector<std::string> mx_hosts(const dns::Answer& mx, const DomainName& domain);

// Whether a mail server would connect to a host of this name.
bool is_host_name(std::string_view name);
Host no_host_name(std::string_view name);

// The status of a host, where the answers for its addresses decide (RFC 7672 section 2.2.2).
std::optional<Host> judge_addresses(const std::string& name, const dns::Answer& a, const dns::Answer& aaaa);

// The names to look for TLSA records at, in this order.
std::vector<std::string> tlsa_bases(const std::string& name, const dns::Answer& a, const dns::Answer& aaaa);

// Whether the host is an alias. Also one without a target, as that is not proven where its zone is not signed.
bool is_alias(const std::string& name, const dns::Answer& addresses);

// The status of a host with unsigned addresses that is an alias; `alias` is the answer for its CNAME. Nothing
// where that is signed: then the TLSA records are at the alias (RFC 7672 section 2.2.2).
std::optional<Host> judge_alias(const std::string& name, const dns::Answer& alias, const Host& unsigned_host);

// The status of a host, where the answer at one TLSA base decides: it failed, or there are records.
std::optional<Host> judge_tlsa(const std::string& name, const dns::Answer& answer, Detail detail);
// The status of a host without records at all its TLSA bases.
Host no_tlsa(std::string name);

// The result for the domain. `complete`: no hosts were omitted because of max_hosts.
DaneResult judge(const dns::Answer& mx, std::vector<ExaminedHost> hosts, bool complete, Detail detail);
// The result for a next-hop in brackets, which is the only host.
DaneResult judge_only_host(ExaminedHost examined, Detail detail);

}  // namespace starttls::dane
