#include "examination/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/next_hop.h"
#include "base/text.h"
#include "certificate/tlsa.h"
#include "dane/judgement.h"
#include "examination/chains.h"
#include "examination/places.h"
#include "examination/server_probes.h"
#include "mtasts/record.h"

namespace starttls::examination {
namespace {

using dns::Answer;
using dns::Status;
using dns::Type;

constexpr std::size_t max_name_length = 253;  // RFC 1035 section 2.3.4, in text form
constexpr std::uint16_t https_port = 443;

// The distinct names of the MX records, by preference.
std::vector<std::string> host_names(const Answer& mx, const DomainName& domain) {
  if (mx.status == Status::nodata) return {domain.str()};
  std::vector<std::string> names;
  for (const dns::Mx& record : mx.mxs) {
    std::string name = to_lower(record.host);
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

// The names that a certificate may have for DANE-TA (RFC 7672 section 3.2.2).
std::vector<std::string> base_names(const DomainFacts& facts, const HostFacts& host) {
  std::vector<std::string> names{host.name, facts.domain.str()};
  for (const Answer* answer : {&host.a, &host.aaaa}) {
    if (!answer->canonical_name.empty()) names.push_back(to_lower(answer->canonical_name));
  }
  return names;
}

// Host and path of an https: URL with the port that the fetcher uses.
std::optional<http::PageRequest> page_request(const tlsrpt::Destination& destination) {
  constexpr std::string_view scheme = "https://";
  std::string_view rest = destination.target;
  if (!rest.starts_with(scheme)) return std::nullopt;
  rest.remove_prefix(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view host = rest.substr(0, slash);
  if (host != destination.host.str() && host != fmt::format("{}:{}", destination.host.str(), https_port))
    return std::nullopt;
  http::PageRequest request;
  request.host = destination.host.str();
  request.path = slash == rest.size() ? "/" : std::string(rest.substr(slash));
  return request;
}

// What a chain is worth for one host of a domain.
ChainFacts chain_of(const DomainFacts& facts, const HostFacts& host, const SentChain& sent) {
  ChainFacts chain{.certificates = sent.certificates, .in_order = sent.in_order, .trust = sent.trust};
  chain.has_name = certificate::matches(chain.certificates.front(), host.name);
  if (!host.dane) return chain;
  const std::vector<std::string> names = base_names(facts, host);
  chain.tlsa = certificate::match_tlsa(host.dane->records, chain.certificates, names, facts.now);
  chain.tlsa_later = certificate::match_tlsa(host.dane->records, chain.certificates, names, facts.later);
  return chain;
}

std::vector<std::string> addresses_of(const Answer& a, const Answer& aaaa) {
  std::vector<std::string> addresses = aaaa.addresses;
  addresses.insert(addresses.end(), a.addresses.begin(), a.addresses.end());
  return addresses;
}

}  // namespace

class Gatherer::Impl {
 public:
  Impl(Sources sources, certificate::Authorities authorities, GatherSettings settings)
      : sources_(std::move(sources)),
        settings_(std::move(settings)),
        places_(settings_.max_lookups),
        chains_(std::move(authorities), settings_.now),
        servers_(sources_.probe, settings_.depth, chains_, settings_.max_servers) {}

  event::Task<DomainFacts> gather(DomainName domain);

 private:
  // Each fills its part of the facts, which outlive it. What they return has no meaning: when_all() wants a value.
  event::Task<bool> look_up_hosts(DomainFacts& facts);
  event::Task<bool> look_up_host(HostFacts& host);
  event::Task<bool> look_up_mta_sts(const DomainName& domain, MtaStsFacts& facts);
  event::Task<bool> look_up_tlsrpt(const DomainName& domain, TlsrptFacts& facts);
  event::Task<bool> look_up_destination(ReportDestinationFacts& facts);
  event::Task<bool> ask_server(const DomainFacts& facts, const HostFacts& host, AddressFacts& address);
  event::Task<bool> ask_servers(DomainFacts& facts);

  event::Task<Answer> ask(std::string name, Type type);
  event::Task<std::pair<Answer, Answer>> ask_for_addresses(std::string name);

  Sources sources_;
  GatherSettings settings_;
  Places places_;  // for lookups
  Chains chains_;
  ServerProbes servers_;
  ReachedFacts reached_;
};

event::Task<Answer> Gatherer::Impl::ask(std::string name, Type type) {
  if (name.size() > max_name_length) co_return Answer{.status = Status::nxdomain, .canonical_name = name};
  Answer answer = co_await sources_.ask(std::move(name), type);
  co_return answer;
}

event::Task<std::pair<Answer, Answer>> Gatherer::Impl::ask_for_addresses(std::string name) {
  std::vector<event::Task<Answer>> questions;
  questions.push_back(ask(name, Type::a));
  questions.push_back(ask(name, Type::aaaa));
  std::vector<Answer> answers = co_await event::when_all(std::move(questions));
  co_return std::pair(std::move(answers[0]), std::move(answers[1]));
}

event::Task<bool> Gatherer::Impl::look_up_host(HostFacts& host) {
  if (!dane::is_host_name(host.name) || is_address_like(host.name)) co_return false;
  auto [a, aaaa] = co_await ask_for_addresses(host.name);
  host.a = std::move(a);
  host.aaaa = std::move(aaaa);
  host.tlsa = co_await ask(fmt::format("_25._tcp.{}", host.name), Type::tlsa);
  auto next_hop = NextHop::parse(fmt::format("[{}]", host.name));
  if (next_hop) {
    dane::DaneResult result =
        co_await discovery::look_up_dane(sources_.ask, std::move(*next_hop), dane::Detail::records);
    if (!result.hosts.empty()) host.dane = std::move(result.hosts.front());
  }
  for (std::string& address : addresses_of(host.a, host.aaaa)) {
    if (host.addresses.size() < max_addresses) host.addresses.push_back({.address = std::move(address)});
  }
  co_return true;
}

event::Task<bool> Gatherer::Impl::look_up_hosts(DomainFacts& facts) {
  facts.mx = co_await ask(facts.domain.str(), Type::mx);
  if (settings_.only_host) {
    facts.only_host = true;
    facts.mx.status = Status::found;
    facts.mx.mxs = {{.preference = 0, .host = settings_.only_host->str()}};
  }
  if (facts.mx.status == Status::failed || facts.mx.status == Status::nxdomain) co_return false;
  std::vector<std::string> names = host_names(facts.mx, facts.domain);
  facts.hosts_left_out = names.size() - std::min(names.size(), dane::max_hosts);
  names.resize(names.size() - facts.hosts_left_out);
  for (std::string& name : names) {
    HostFacts host;
    host.name = std::move(name);
    facts.hosts.push_back(std::move(host));
  }
  std::vector<event::Task<bool>> lookups;
  lookups.reserve(facts.hosts.size());
  for (HostFacts& host : facts.hosts) lookups.push_back(look_up_host(host));
  co_await event::when_all(std::move(lookups));
  co_return true;
}

event::Task<bool> Gatherer::Impl::look_up_mta_sts(const DomainName& domain, MtaStsFacts& facts) {
  facts.record = co_await ask("_mta-sts." + domain.str(), Type::txt);
  if (!mtasts::read_records(facts.record.texts).record) co_return false;
  if (sources_.policy_before) facts.before = sources_.policy_before(domain);
  const std::string host = "mta-sts." + domain.str();
  auto [a, aaaa] = co_await ask_for_addresses(host);
  http::PageRequest request;
  request.host = host;
  request.path = "/.well-known/mta-sts.txt";
  request.addresses = addresses_of(a, aaaa);
  facts.a = std::move(a);
  facts.aaaa = std::move(aaaa);
  if (request.addresses.empty()) co_return false;
  facts.page = co_await sources_.get(std::move(request));
  auto chain = certificate::read_pem(facts.page->certificate);
  if (chain) facts.certificate = std::move(chain->front());
  co_return true;
}

event::Task<bool> Gatherer::Impl::look_up_destination(ReportDestinationFacts& facts) {
  const bool is_mail = facts.destination.scheme == tlsrpt::Destination::Scheme::mailto;
  const std::string host = facts.destination.host.str();
  if (is_mail) {
    facts.mx = co_await ask(host, Type::mx);
    if (facts.mx.status != Status::nodata) co_return true;
  }
  auto [a, aaaa] = co_await ask_for_addresses(host);
  facts.a = std::move(a);
  facts.aaaa = std::move(aaaa);
  if (is_mail) co_return true;
  std::optional<http::PageRequest> request = page_request(facts.destination);
  if (!request) co_return false;
  request->addresses = addresses_of(facts.a, facts.aaaa);
  if (request->addresses.empty()) co_return false;
  facts.page = co_await sources_.get(std::move(*request));
  co_return true;
}

event::Task<bool> Gatherer::Impl::look_up_tlsrpt(const DomainName& domain, TlsrptFacts& facts) {
  facts.record = co_await ask("_smtp._tls." + domain.str(), Type::txt);
  const tlsrpt::RecordReading reading = tlsrpt::read_records(facts.record.texts);
  if (!reading.record) co_return false;
  facts.destinations.reserve(reading.record->destinations.size());
  for (const tlsrpt::Destination& destination : reading.record->destinations)
    facts.destinations.push_back({.destination = destination, .mx = {}, .a = {}, .aaaa = {}, .page = {}});
  std::vector<event::Task<bool>> lookups;
  lookups.reserve(facts.destinations.size());
  for (ReportDestinationFacts& destination : facts.destinations)
    lookups.push_back(look_up_destination(destination));
  co_await event::when_all(std::move(lookups));
  co_return true;
}

event::Task<bool> Gatherer::Impl::ask_server(const DomainFacts& facts, const HostFacts& host,
                                             AddressFacts& address) {
  const auto endpoint = settings_.connect.find(host.name);
  const auto parsed = IpAddress::parse(address.address);
  if (endpoint == settings_.connect.end() && !parsed) co_return false;
  smtp::ProbeRequest request;
  request.address = endpoint == settings_.connect.end() ? *parsed : endpoint->second.address;
  request.port = endpoint == settings_.connect.end() ? smtp::ProbeRequest().port : endpoint->second.port;
  request.sni = host.name;
  request.ehlo_name = settings_.ehlo_name;
  const std::shared_ptr<const ServerFacts> server = co_await servers_.ask(std::move(request));
  address.newest = server->newest;
  address.oldest = server->oldest;
  address.injected = server->injected;
  address.compressed = server->compressed;
  address.versions = server->versions;
  if (server->chain) address.chain = chain_of(facts, host, *server->chain);
  // One that --connect names says nothing about port 25.
  if (endpoint == settings_.connect.end() && server->newest.reached > smtp::Step::connection)
    (address.address.contains(':') ? reached_.ipv6 : reached_.ipv4) = true;
  co_return true;
}

event::Task<bool> Gatherer::Impl::ask_servers(DomainFacts& facts) {
  std::vector<event::Task<bool>> probes;
  for (HostFacts& host : facts.hosts) {
    for (AddressFacts& address : host.addresses) probes.push_back(ask_server(facts, host, address));
  }
  co_await event::when_all(std::move(probes));
  co_return true;
}

event::Task<DomainFacts> Gatherer::Impl::gather(DomainName domain) {
  DomainFacts facts{.domain = domain, .now = settings_.now, .later = settings_.later};
  if (!sources_.probe) facts.smtp = Smtp::skipped;
  co_await places_.take();
  std::vector<event::Task<bool>> lookups;
  lookups.push_back(look_up_hosts(facts));
  lookups.push_back(look_up_mta_sts(domain, facts.mta_sts));
  lookups.push_back(look_up_tlsrpt(domain, facts.tlsrpt));
  co_await event::when_all(std::move(lookups));
  places_.give_back();
  if (sources_.lists) facts.lists = sources_.lists(domain);
  if (sources_.probe) co_await ask_servers(facts);
  facts.reached = reached_;
  co_return facts;
}

Gatherer::Gatherer(Sources sources, certificate::Authorities authorities, GatherSettings settings)
    : impl_(std::make_unique<Impl>(std::move(sources), std::move(authorities), std::move(settings))) {}

Gatherer::~Gatherer() = default;

event::Task<DomainFacts> Gatherer::gather(DomainName domain) {
  return impl_->gather(std::move(domain));
}

}  // namespace starttls::examination
