#include "dane/dane.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/memory.h"
#include "base/text.h"

namespace starttls::dane {

using starttls::heap_size;

namespace {

using dns::Answer;
using dns::Status;
using dns::Type;

// A host as far as it is known, and how long that may be believed.
struct Finding {
  Host host;
  std::chrono::seconds ttl{0};
};

// An assignment of {} would keep the room.
template <class T>
void release(std::vector<T>& values) {
  std::vector<T>().swap(values);
}

bool is_proven_absent(const Answer& answer) {
  return answer.secure && (answer.status == Status::nodata || answer.status == Status::nxdomain);
}

bool is_secure_found(const Answer& answer) {
  return answer.secure && answer.status == Status::found;
}

// What Postfix would connect to; the escapes of a name with odd bytes are none of these.
bool is_host_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Host unknown(std::string name, std::string_view what, const Answer& answer) {
  return {std::move(name), TlsaStatus::unknown,
          fmt::format("{} cannot be looked up: {}", what, answer.reason)};
}

constexpr const char* unvalidated = "nobody validates the answers of the name servers";

// What the addresses alone say of a host; nothing where its TLSA records decide.
std::optional<Host> judge_addresses(const std::string& name, const Answer& a, const Answer& aaaa) {
  if (is_secure_found(a) || is_secure_found(aaaa)) return std::nullopt;
  // Since the MX records were.
  if (a.unvalidated || aaaa.unvalidated) return Host{name, TlsaStatus::unknown, unvalidated};
  // RFC 7672 section 2.2.2: no TLSA question then, as name servers of unsigned zones may choke on it.
  if (a.status == Status::found || aaaa.status == Status::found)
    return Host{name, TlsaStatus::absent, "its addresses are not signed"};
  for (const Answer* answer : {&a, &aaaa}) {
    if (answer->status == Status::failed) return unknown(name, "its addresses", *answer);
  }
  if (is_proven_absent(a) && is_proven_absent(aaaa))
    return Host{name, TlsaStatus::unreachable, "it has no address"};
  return Host{name, TlsaStatus::absent, "it has no address, which is not signed"};
}

std::vector<dns::Tlsa> keep_proven(const std::vector<dns::Tlsa>& records, Detail detail) {
  if (detail != Detail::records) return {};
  const auto number = static_cast<std::ptrdiff_t>(std::min(records.size(), max_kept_records));
  return {records.begin(), records.begin() + number};
}

// What a TLSA answer says of a host; nothing where there are no records.
std::optional<Host> judge_tlsa(const std::string& name, const Answer& answer, Detail detail) {
  if (answer.status == Status::failed) return unknown(name, "its TLSA records", answer);
  if (answer.unvalidated) return Host{name, TlsaStatus::unknown, unvalidated};
  if (!is_secure_found(answer)) return std::nullopt;
  const TlsaStatus tlsa = tlsa_status(answer.tlsas);
  if (tlsa == TlsaStatus::usable) return Host{name, tlsa, {}, keep_proven(answer.tlsas, detail)};
  return Host{name, tlsa, fmt::format("none of its TLSA records can be used, of {}", answer.tlsas.size())};
}

constexpr std::size_t max_name_length = 253;  // RFC 1035 section 2.3.4, in text form

// What is wanted of each host.
struct Wanted {
  const Ask& ask;  // outlives every examination
  std::uint16_t port = 25;
  Detail detail = Detail::hosts;
};

// RFC 7672 section 2.2.3: where a host is an alias, the name it stands for comes first.
std::vector<std::string> tlsa_bases(const std::string& name, const Answer& a, const Answer& aaaa) {
  const std::string expanded = to_lower((is_secure_found(a) ? a : aaaa).canonical_name);
  if (expanded == name) return {name};
  return {expanded, name};
}

// Whether there are addresses is all that matters here: thousands of them are not held while TLSA records are
// asked for.
event::Task<Answer> ask_for_addresses(const Ask& ask, std::string name, Type type) {
  Answer answer = co_await ask(std::move(name), type);
  release(answer.addresses);
  co_return answer;
}

// Also one that leads to nowhere, as nobody proves that where the target is not signed.
bool is_alias(const std::string& name, const Answer& addresses) {
  return addresses.status != Status::failed && to_lower(addresses.canonical_name) != name;
}

// What the TLSA records at these names, in this order, say of a host; shortens `ttl`.
event::Task<Host> examine_tlsa(Wanted wanted, std::string name, std::vector<std::string> bases,
                               std::chrono::seconds& ttl) {
  for (const std::string& base : bases) {
    std::string question = fmt::format("_{}._tcp.{}", wanted.port, base);
    if (question.size() > max_name_length) continue;  // nobody can have published anything there
    const Answer tlsa = co_await wanted.ask(std::move(question), Type::tlsa);
    ttl = std::min(ttl, tlsa.ttl);
    std::optional<Host> judged = judge_tlsa(name, tlsa, wanted.detail);
    if (judged) co_return std::move(*judged);
  }
  co_return Host{std::move(name), TlsaStatus::absent, "it has no signed TLSA records"};
}

// RFC 7672 section 2.2.2: the addresses of an alias that is signed itself may be in a zone that is not; then
// the TLSA records are at the alias.
event::Task<Host> examine_alias(Wanted wanted, std::string name, Host unsigned_host,
                                std::chrono::seconds& ttl) {
  const Answer alias = co_await wanted.ask(name, Type::cname);
  ttl = std::min(ttl, alias.ttl);
  if (alias.status == Status::failed) co_return unknown(std::move(name), "its alias", alias);
  if (alias.unvalidated) co_return Host{std::move(name), TlsaStatus::unknown, unvalidated};
  if (!is_secure_found(alias)) co_return unsigned_host;
  std::vector<std::string> bases{name};
  Host host = co_await examine_tlsa(wanted, std::move(name), std::move(bases), ttl);
  co_return host;
}

event::Task<Finding> examine_host(Wanted wanted, std::string name) {
  std::vector<event::Task<Answer>> questions;
  questions.push_back(ask_for_addresses(wanted.ask, name, Type::a));
  questions.push_back(ask_for_addresses(wanted.ask, name, Type::aaaa));
  const std::vector<Answer> addresses = co_await event::when_all(std::move(questions));
  const Answer& a = addresses[0];
  const Answer& aaaa = addresses[1];
  std::chrono::seconds ttl = std::min(a.ttl, aaaa.ttl);
  std::optional<Host> judged = judge_addresses(name, a, aaaa);
  Host host;
  if (!judged) {
    host = co_await examine_tlsa(wanted, name, tlsa_bases(name, a, aaaa), ttl);
  } else if (judged->tlsa == TlsaStatus::absent && (is_alias(name, a) || is_alias(name, aaaa))) {
    host = co_await examine_alias(wanted, name, std::move(*judged), ttl);
  } else {
    host = std::move(*judged);
  }
  co_return Finding{std::move(host), ttl};
}

event::Task<Finding> pass_over(std::string name, std::chrono::seconds ttl) {
  co_return Finding{Host{printable(name, 300), TlsaStatus::unreachable, "it is no host name"}, ttl};
}

// The hosts to be looked at, by preference; each once. One more than max_hosts where there are more.
std::vector<std::string> hosts_of(const Answer& mx, const DomainName& domain) {
  if (mx.status == Status::nodata) return {domain.str()};
  std::vector<std::string> hosts;
  for (const dns::Mx& record : mx.mxs) {
    if (hosts.size() > max_hosts) break;
    std::string host = to_lower(record.host);
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
  }
  return hosts;
}

// Where the MX answer alone decides.
std::optional<DaneResult> judge_mx(const Answer& mx) {
  const auto verdict = [&mx](DaneStatus status, std::string reason) {
    return DaneResult{.status = status, .ttl = mx.ttl, .reason = std::move(reason)};
  };
  if (mx.status == Status::failed)
    return verdict(DaneStatus::unknown, "the MX records cannot be looked up: " + mx.reason);
  if (mx.unvalidated) return verdict(DaneStatus::unvalidated, unvalidated);
  if (mx.status == Status::nxdomain) return verdict(DaneStatus::none, "there is no such domain");
  if (mx.mxs.size() == 1 && mx.mxs.front().host.empty())  // RFC 7505
    return verdict(DaneStatus::none, "the domain takes no mail (null MX)");
  return std::nullopt;
}

std::size_t count(const std::vector<Host>& hosts, TlsaStatus tlsa) {
  return static_cast<std::size_t>(std::ranges::count(hosts, tlsa, &Host::tlsa));
}

// "mx2.example.org: its TLSA records cannot be looked up: SERVFAIL"
std::string first_reason(const std::vector<Host>& hosts, TlsaStatus tlsa) {
  const auto host = std::ranges::find(hosts, tlsa, &Host::tlsa);
  return fmt::format("{}: {}", host->name, host->reason);
}

void judge(DaneResult& verdict, bool complete) {
  const std::vector<Host>& hosts = verdict.hosts;
  const std::size_t reachable = hosts.size() - count(hosts, TlsaStatus::unreachable);
  const std::size_t bound = count(hosts, TlsaStatus::usable);
  const auto conclude = [&verdict](DaneStatus status, std::string reason) {
    verdict.status = status;
    verdict.reason = std::move(reason);
  };
  if (bound > 0 && bound == reachable && complete) {
    conclude(DaneStatus::all, bound == 1 ? "the MX host has usable TLSA records"
                                         : fmt::format("all {} MX hosts have usable TLSA records", bound));
  } else if (bound > 0) {
    conclude(DaneStatus::some, fmt::format("{} of {}{} MX hosts have usable TLSA records", bound,
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

// Behind an MX set that is not signed.
void judge_insecure(DaneResult& verdict) {
  verdict.status = DaneStatus::insecure;
  for (const TlsaStatus tlsa : {TlsaStatus::usable, TlsaStatus::unusable, TlsaStatus::unknown}) {
    const auto host = std::ranges::find(verdict.hosts, tlsa, &Host::tlsa);
    if (host == verdict.hosts.end()) continue;
    verdict.reason = fmt::format("the MX records are not signed; {}: {}", host->name,
                                 tlsa == TlsaStatus::usable ? "it has usable TLSA records" : host->reason);
    return;
  }
  verdict.status = DaneStatus::none;
  verdict.reason = "the MX records are not signed";
  verdict.hosts.clear();
}

// Of a next-hop in brackets.
DaneResult judge_only(const Finding& finding) {
  const Host& host = finding.host;
  DaneResult verdict{.ttl = finding.ttl};
  switch (host.tlsa) {
    case TlsaStatus::usable:
      verdict.status = DaneStatus::all;
      verdict.reason = fmt::format("{} has usable TLSA records", host.name);
      return verdict;
    case TlsaStatus::unusable:
      verdict.status = DaneStatus::unusable;
      break;
    case TlsaStatus::unknown:
      verdict.status = DaneStatus::unknown;
      break;
    case TlsaStatus::absent:
    case TlsaStatus::unreachable:
      verdict.status = DaneStatus::none;
      break;
  }
  verdict.reason = fmt::format("{}: {}", host.name, host.reason);
  return verdict;
}

event::Task<DaneResult> examine_only_host(Wanted wanted, std::string name) {
  Finding finding = co_await examine_host(wanted, std::move(name));
  DaneResult verdict = judge_only(finding);
  if (wanted.detail != Detail::none) verdict.hosts.push_back(std::move(finding.host));
  co_return verdict;
}

}  // namespace

event::Task<DaneResult> examine(Ask ask, NextHop next_hop, Detail detail) {
  const Wanted wanted{.ask = ask, .port = next_hop.port(), .detail = detail};
  const DomainName& domain = next_hop.domain();
  if (next_hop.is_host()) {
    DaneResult only = co_await examine_only_host(wanted, domain.str());
    co_return only;
  }
  Answer mx = co_await ask(domain.str(), Type::mx);
  std::optional<DaneResult> judged = judge_mx(mx);
  if (judged) co_return std::move(*judged);
  std::vector<std::string> hosts = hosts_of(mx, domain);
  release(mx.mxs);  // there may be thousands, which are not held while the hosts are examined
  const bool complete = hosts.size() <= max_hosts;
  if (!complete) hosts.resize(max_hosts);
  std::vector<event::Task<Finding>> examinations;
  for (std::string& host : hosts) {
    const bool askable = is_host_name(host);
    examinations.push_back(askable ? examine_host(wanted, std::move(host))
                                   : pass_over(std::move(host), mx.ttl));
  }
  std::vector<Finding> findings = co_await event::when_all(std::move(examinations));
  DaneResult verdict{.ttl = mx.ttl};
  for (Finding& finding : findings) {
    verdict.ttl = std::min(verdict.ttl, finding.ttl);
    verdict.hosts.push_back(std::move(finding.host));
  }
  if (mx.secure) {
    judge(verdict, complete);
  } else {
    judge_insecure(verdict);
  }
  if (detail == Detail::none) release(verdict.hosts);
  co_return verdict;
}

event::Task<DaneResult> examine(dns::Resolver& resolver, NextHop next_hop, Detail detail) {
  return examine([&resolver](std::string name, Type type) { return resolver.ask(std::move(name), type); },
                 std::move(next_hop), detail);
}

std::size_t heap_size(const Host& host) {
  std::size_t size = heap_size(host.name) + heap_size(host.reason);
  if (host.records.capacity() > 0) size += allocation_size(host.records.capacity() * sizeof(dns::Tlsa));
  for (const dns::Tlsa& record : host.records) size += heap_size(record.data);
  return size;
}

std::size_t heap_size(const DaneResult& verdict) {
  return heap_size(verdict.hosts) + heap_size(verdict.reason);
}

DaneResult keep_proven(DaneResult latest, const DaneResult& before) {
  const bool is_unknown = latest.status == DaneStatus::unknown;
  if (!is_unknown && latest.status != DaneStatus::failing) return latest;
  std::string reason = fmt::format("{}; {} when last looked up", latest.reason, before.reason);
  if (!has_usable_tlsa(before.status)) {
    if (is_unknown) latest.status = DaneStatus::failing;
  } else {
    latest.status = is_unknown ? before.status : DaneStatus::some;
  }
  latest.reason = std::move(reason);
  return latest;
}

std::string_view to_string(TlsaStatus tlsa) {
  constexpr std::array<std::string_view, 5> texts{"bound", "unusable", "absent", "unreachable", "unknown"};
  return texts.at(static_cast<std::size_t>(tlsa));
}

std::string_view to_string(DaneStatus status) {
  constexpr std::array<std::string_view, 8> texts{"all",      "some", "failing", "unusable",
                                                  "insecure", "none", "unknown", "unvalidated"};
  return texts.at(static_cast<std::size_t>(status));
}

std::string_view postfix_level(DaneStatus status) {
  switch (status) {
    case DaneStatus::all:
      return "dane-only";
    case DaneStatus::some:
    case DaneStatus::failing:
    case DaneStatus::unusable:
    case DaneStatus::insecure:
    case DaneStatus::unknown:
    case DaneStatus::unvalidated:
      return "dane";
    case DaneStatus::none:
      break;
  }
  return {};
}

}  // namespace starttls::dane
