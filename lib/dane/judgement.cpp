#include "dane/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace starttls::dane {
namespace {

using dns::Answer;
using dns::Dnssec;
using dns::Status;

bool is_proven_absent(const Answer& answer) {
  return answer.dnssec == Dnssec::secure &&
         (answer.status == Status::nodata || answer.status == Status::nxdomain);
}

bool is_secure_found(const Answer& answer) {
  return answer.dnssec == Dnssec::secure && answer.status == Status::found;
}

bool is_unvalidated(const Answer& answer) {
  return answer.dnssec == Dnssec::indeterminate;
}

Host unknown(std::string name, std::string_view what, const Answer& answer) {
  return {std::move(name), TlsaStatus::unknown,
          fmt::format("{} cannot be looked up: {}", what, answer.reason)};
}

constexpr const char* unvalidated = "the answers of the name servers are not validated";

std::vector<dns::Tlsa> kept_records(const std::vector<dns::Tlsa>& records, Detail detail) {
  if (detail != Detail::records) return {};
  const auto number = static_cast<std::ptrdiff_t>(std::min(records.size(), max_kept_records));
  return {records.begin(), records.begin() + number};
}

std::size_t count(const std::vector<Host>& hosts, TlsaStatus tlsa) {
  return static_cast<std::size_t>(std::ranges::count(hosts, tlsa, &Host::tlsa));
}

// "mx2.example.org: its TLSA records cannot be looked up: SERVFAIL"
std::string first_reason(const std::vector<Host>& hosts, TlsaStatus tlsa) {
  const auto host = std::ranges::find(hosts, tlsa, &Host::tlsa);
  return fmt::format("{}: {}", host->name, host->reason);
}

void judge_secure(DaneResult& result, bool complete) {
  const std::vector<Host>& hosts = result.hosts;
  const std::size_t reachable = hosts.size() - count(hosts, TlsaStatus::unreachable);
  const std::size_t usable = count(hosts, TlsaStatus::usable);
  const auto conclude = [&result](DaneStatus status, std::string reason) {
    result.status = status;
    result.reason = std::move(reason);
  };
  if (usable > 0 && usable == reachable && complete) {
    conclude(DaneStatus::all, usable == 1 ? "the MX host has usable TLSA records"
                                          : fmt::format("all {} MX hosts have usable TLSA records", usable));
  } else if (usable > 0) {
    conclude(DaneStatus::some, fmt::format("{} of {}{} MX hosts have usable TLSA records", usable,
                                           complete ? "" : "more than ", reachable));
  } else if (const std::size_t open = count(hosts, TlsaStatus::unknown); open > 0) {
    conclude(open == reachable ? DaneStatus::unknown : DaneStatus::failing,
             first_reason(hosts, TlsaStatus::unknown));
  } else if (!complete) {
    conclude(DaneStatus::failing, fmt::format("there are more than {} MX hosts", hosts.size()));
  } else if (count(hosts, TlsaStatus::unusable) > 0) {
    conclude(DaneStatus::unusable, first_reason(hosts, TlsaStatus::unusable));
  } else {
    conclude(DaneStatus::none, reachable == 0 ? "no MX host has an address" : "no MX host has TLSA records");
  }
}

// RFC 7672 section 2.2.1: the MX set is not signed.
void judge_insecure(DaneResult& result) {
  result.status = DaneStatus::insecure;
  for (const TlsaStatus tlsa : {TlsaStatus::usable, TlsaStatus::unusable, TlsaStatus::unknown}) {
    const auto host = std::ranges::find(result.hosts, tlsa, &Host::tlsa);
    if (host == result.hosts.end()) continue;
    result.reason = fmt::format("the MX records are not signed; {}: {}", host->name,
                                tlsa == TlsaStatus::usable ? "it has usable TLSA records" : host->reason);
    return;
  }
  result.status = DaneStatus::none;
  result.reason = "the MX records are not signed";
  result.hosts.clear();
}

}  // namespace

// Whether Postfix would connect to it. An escape of an odd byte is not valid in a host name.
bool is_host_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::optional<DaneResult> judge_mx(const Answer& mx) {
  const auto decided = [&mx](DaneStatus status, std::string reason) {
    return DaneResult{.status = status, .ttl = mx.ttl, .reason = std::move(reason)};
  };
  if (mx.status == Status::failed)
    return decided(DaneStatus::unknown, "the MX records cannot be looked up: " + mx.reason);
  if (is_unvalidated(mx)) return decided(DaneStatus::unvalidated, unvalidated);
  if (mx.status == Status::nxdomain) return decided(DaneStatus::none, "there is no such domain");
  if (mx.mxs.size() == 1 && mx.mxs.front().host.empty())  // RFC 7505
    return decided(DaneStatus::none, "the domain takes no mail (null MX)");
  return std::nullopt;
}

std::vector<std::string> mx_hosts(const Answer& mx, const DomainName& domain) {
  if (mx.status == Status::nodata) return {domain.str()};  // RFC 5321 section 5.1
  std::vector<std::string> hosts;
  for (const dns::Mx& record : mx.mxs) {
    if (hosts.size() > max_hosts) break;
    std::string host = to_lower(record.host);
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
  }
  return hosts;
}

std::optional<Host> judge_addresses(const std::string& name, const Answer& a, const Answer& aaaa) {
  if (is_secure_found(a) || is_secure_found(aaaa)) return std::nullopt;
  // The resolver stopped validating after the MX records.
  if (is_unvalidated(a) || is_unvalidated(aaaa)) return Host{name, TlsaStatus::unknown, unvalidated};
  // RFC 7672 section 2.2.2: no TLSA lookup in this case, as name servers of unsigned zones may fail on it.
  if (a.status == Status::found || aaaa.status == Status::found)
    return Host{name, TlsaStatus::absent, "its addresses are not signed"};
  for (const Answer* answer : {&a, &aaaa}) {
    if (answer->status == Status::failed) return unknown(name, "its addresses", *answer);
  }
  if (is_proven_absent(a) && is_proven_absent(aaaa))
    return Host{name, TlsaStatus::unreachable, "it has no address"};
  return Host{name, TlsaStatus::absent, "it has no address, which is not signed"};
}

// RFC 7672 section 2.2.3: where a host is an alias, its target comes first.
std::vector<std::string> tlsa_bases(const std::string& name, const Answer& a, const Answer& aaaa) {
  const std::string expanded = to_lower((is_secure_found(a) ? a : aaaa).canonical_name);
  if (expanded == name) return {name};
  return {expanded, name};
}

bool is_alias(const std::string& name, const Answer& addresses) {
  return addresses.status != Status::failed && to_lower(addresses.canonical_name) != name;
}

std::optional<Host> judge_tlsa(const std::string& name, const Answer& answer, Detail detail) {
  if (answer.status == Status::failed) return unknown(name, "its TLSA records", answer);
  if (is_unvalidated(answer)) return Host{name, TlsaStatus::unknown, unvalidated};
  if (!is_secure_found(answer)) return std::nullopt;
  const TlsaStatus tlsa = tlsa_status(answer.tlsas);
  if (tlsa == TlsaStatus::usable) return Host{name, tlsa, {}, kept_records(answer.tlsas, detail)};
  return Host{name, tlsa, fmt::format("none of its TLSA records can be used, of {}", answer.tlsas.size())};
}

std::optional<Host> judge_alias(const std::string& name, const Answer& alias, const Host& unsigned_host) {
  if (alias.status == Status::failed) return unknown(name, "its alias", alias);
  if (is_unvalidated(alias)) return Host{name, TlsaStatus::unknown, unvalidated};
  if (!is_secure_found(alias)) return unsigned_host;
  return std::nullopt;
}

Host no_host_name(std::string_view name) {
  return {printable(name, 300), TlsaStatus::unreachable, "it is no host name"};
}

Host no_tlsa(std::string name) {
  return {std::move(name), TlsaStatus::absent, "it has no signed TLSA records"};
}

DaneResult judge(const Answer& mx, std::vector<ExaminedHost> hosts, bool complete, Detail detail) {
  DaneResult result{.ttl = mx.ttl};
  for (ExaminedHost& host : hosts) {
    result.ttl = std::min(result.ttl, host.ttl);
    result.hosts.push_back(std::move(host.host));
  }
  if (mx.dnssec == Dnssec::secure) {
    judge_secure(result, complete);
  } else {
    judge_insecure(result);
  }
  if (detail == Detail::none) std::vector<Host>().swap(result.hosts);  // an assignment would keep the memory
  return result;
}

DaneResult judge_only_host(ExaminedHost examined, Detail detail) {
  const Host& host = examined.host;
  DaneResult result{.ttl = examined.ttl};
  switch (host.tlsa) {
    case TlsaStatus::usable:
      result.status = DaneStatus::all;
      break;
    case TlsaStatus::unusable:
      result.status = DaneStatus::unusable;
      break;
    case TlsaStatus::unknown:
      result.status = DaneStatus::unknown;
      break;
    case TlsaStatus::absent:
    case TlsaStatus::unreachable:
      result.status = DaneStatus::none;
      break;
  }
  result.reason = host.tlsa == TlsaStatus::usable ? fmt::format("{} has usable TLSA records", host.name)
                                                  : fmt::format("{}: {}", host.name, host.reason);
  if (detail != Detail::none) result.hosts.push_back(std::move(examined.host));
  return result;
}

}  // namespace starttls::dane
