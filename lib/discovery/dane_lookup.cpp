#include "discovery/dane_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "dane/judgement.h"

namespace starttls::discovery {
namespace {

using dane::Detail;
using dane::ExaminedHost;
using dane::Host;
using dane::TlsaStatus;
using dns::Answer;
using dns::Type;

constexpr std::size_t max_name_length = 253;  // RFC 1035 section 2.3.4, in text form

// What the lookups of all hosts have in common.
struct HostLookup {
  const AskDns& ask;  // outlives all lookups
  std::uint16_t port = 25;
  Detail detail = Detail::hosts;
};

// Frees the memory, which an assignment of {} would keep.
template <class T>
void release(std::vector<T>& values) {
  std::vector<T>().swap(values);
}

// Only the presence of addresses matters: thousands of them are not kept in memory during the TLSA lookups.
event::Task<Answer> ask_for_addresses(const AskDns& ask, std::string name, Type type) {
  Answer answer = co_await ask(std::move(name), type);
  release(answer.addresses);
  co_return answer;
}

// Looks for TLSA records at these names, in this order. Shortens `ttl`.
event::Task<Host> look_up_tlsa(HostLookup lookup, std::string name, std::vector<std::string> bases,
                               std::chrono::seconds& ttl) {
  for (const std::string& base : bases) {
    std::string question = fmt::format("_{}._tcp.{}", lookup.port, base);  // RFC 7672 section 2.2.3
    if (question.size() > max_name_length) continue;                       // no such name can exist
    const Answer tlsa = co_await lookup.ask(std::move(question), Type::tlsa);
    ttl = std::min(ttl, tlsa.ttl);
    std::optional<Host> judged = dane::judge_tlsa(name, tlsa, lookup.detail);
    if (judged) co_return std::move(*judged);
  }
  co_return dane::no_tlsa(std::move(name));
}

// RFC 7672 section 2.2.2: the addresses of a signed alias may be in an unsigned zone. Then the TLSA records are
// at the alias.
event::Task<Host> look_up_alias(HostLookup lookup, std::string name, Host unsigned_host,
                                std::chrono::seconds& ttl) {
  const Answer alias = co_await lookup.ask(name, Type::cname);
  ttl = std::min(ttl, alias.ttl);
  std::optional<Host> judged = dane::judge_alias(name, alias, unsigned_host);
  if (judged) co_return std::move(*judged);
  std::vector<std::string> bases{name};
  Host host = co_await look_up_tlsa(lookup, std::move(name), std::move(bases), ttl);
  co_return host;
}

event::Task<ExaminedHost> look_up_host(HostLookup lookup, std::string name) {
  std::vector<event::Task<Answer>> questions;
  questions.push_back(ask_for_addresses(lookup.ask, name, Type::a));
  questions.push_back(ask_for_addresses(lookup.ask, name, Type::aaaa));
  const std::vector<Answer> addresses = co_await event::when_all(std::move(questions));
  const Answer& a = addresses[0];
  const Answer& aaaa = addresses[1];
  std::chrono::seconds ttl = std::min(a.ttl, aaaa.ttl);
  std::optional<Host> judged = dane::judge_addresses(name, a, aaaa);
  Host host;
  if (!judged) {
    host = co_await look_up_tlsa(lookup, name, dane::tlsa_bases(name, a, aaaa), ttl);
  } else if (judged->tlsa == TlsaStatus::absent && (dane::is_alias(name, a) || dane::is_alias(name, aaaa))) {
    host = co_await look_up_alias(lookup, name, std::move(*judged), ttl);
  } else {
    host = std::move(*judged);
  }
  co_return ExaminedHost{std::move(host), ttl};
}

event::Task<ExaminedHost> skip_host(std::string name, std::chrono::seconds ttl) {
  co_return ExaminedHost{dane::no_host_name(name), ttl};
}

}  // namespace

event::Task<dane::DaneResult> look_up_dane(AskDns ask, NextHop next_hop, Detail detail) {
  const HostLookup lookup{.ask = ask, .port = next_hop.port(), .detail = detail};
  const DomainName& domain = next_hop.domain();
  if (next_hop.is_host()) {
    ExaminedHost only = co_await look_up_host(lookup, domain.str());
    co_return dane::judge_only_host(std::move(only), detail);
  }
  Answer mx = co_await ask(domain.str(), Type::mx);
  std::optional<dane::DaneResult> judged = dane::judge_mx(mx);
  if (judged) co_return std::move(*judged);
  std::vector<std::string> hosts = dane::mx_hosts(mx, domain);
  release(mx.mxs);  // there may be thousands: not kept in memory during the host lookups
  const bool complete = hosts.size() <= dane::max_hosts;
  if (!complete) hosts.resize(dane::max_hosts);
  std::vector<event::Task<ExaminedHost>> lookups;
  for (std::string& host : hosts) {
    const bool is_host = dane::is_host_name(host);
    lookups.push_back(is_host ? look_up_host(lookup, std::move(host)) : skip_host(std::move(host), mx.ttl));
  }
  std::vector<ExaminedHost> examined = co_await event::when_all(std::move(lookups));
  co_return dane::judge(mx, std::move(examined), complete, detail);
}

event::Task<dane::DaneResult> look_up_dane(dns::Resolver& resolver, NextHop next_hop, Detail detail) {
  return look_up_dane(
      [&resolver](std::string name, Type type) { return resolver.ask(std::move(name), type); },
      std::move(next_hop), detail);
}

}  // namespace starttls::discovery
