#include "discovery/mta_sts_discovery.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "discovery/classify.h"

namespace starttls::discovery {
namespace {

constexpr std::size_t max_name_length = 253;  // RFC 1035 section 2.3.4, in text form

// Nearly every policy host has an IPv4 address. So most domains cost one question less.
constexpr std::array address_types{dns::Type::a, dns::Type::aaaa};

http::Page page_without_address(const std::string& host, const std::vector<dns::Answer>& answers) {
  http::Page page{.error = http::FetchError::address, .reason = fmt::format("{} has no address", host)};
  for (const dns::Answer& answer : answers) {
    if (answer.status == dns::Status::failed) {
      page.reason = fmt::format("the addresses of {} cannot be found out: {}", host, answer.reason);
      if (answer.put_off) page.error = http::FetchError::busy;
    }
  }
  return page;
}

// Whether addresses of the other kind may lead to the host.
bool is_unreachable(const http::Page& page) {
  return page.error == http::FetchError::address || page.error == http::FetchError::connection ||
         page.error == http::FetchError::timeout;
}

event::Task<http::Page> get_policy(Lookups& network, std::string host, bool is_known) {
  std::vector<dns::Answer> answers;
  std::optional<http::Page> first;
  for (const dns::Type kind : address_types) {
    answers.push_back(co_await network.ask(host, kind));
    if (answers.back().addresses.empty()) continue;
    http::PageRequest request;
    request.host = host;
    request.path = "/.well-known/mta-sts.txt";
    request.addresses = answers.back().addresses;
    request.is_known = is_known;
    http::Page page = co_await network.get(std::move(request));
    if (!is_unreachable(page)) co_return page;
    if (!first) first = std::move(page);
  }
  co_return first ? std::move(*first) : page_without_address(host, answers);
}

}  // namespace

Lookups make_lookups(dns::Resolver& resolver, http::Fetcher& fetcher) {
  return {
      .ask = [&resolver](std::string name, dns::Type type) { return resolver.ask(std::move(name), type); },
      .get = [&fetcher](http::PageRequest request) { return fetcher.get(std::move(request)); }};
}

event::Task<MtaStsDiscovery> discover(Lookups network, DomainName domain, mtasts::PolicyState before,
                                      FetchMode fetch_mode, Clock clock) {
  MtaStsDiscovery discovery;
  const std::string record_name = "_mta-sts." + domain.str();
  if (record_name.size() > max_name_length) {
    discovery.record.kind = mtasts::RecordState::Kind::none;
    discovery.record_reason = fmt::format("{} is longer than a name may be", record_name);
  } else {
    const dns::Answer answer = co_await network.ask(record_name, dns::Type::txt);
    RecordAnswer record = classify_record(answer);
    discovery.record = std::move(record.state);
    discovery.record_reason = std::move(record.reason);
    discovery.record_ttl = answer.ttl;
    if (answer.put_off) discovery.put_off = answer.reason;
  }
  discovery.policy_state = after_record(std::move(before), domain, discovery.record, clock());
  const bool asked_for =
      fetch_mode == FetchMode::now && discovery.record.kind == mtasts::RecordState::Kind::record;
  if (!asked_for && !must_fetch(discovery.policy_state, discovery.record, clock())) co_return discovery;
  const bool is_known = discovery.policy_state.policy.has_value();
  const http::Page page = co_await get_policy(network, "mta-sts." + domain.str(), is_known);
  if (page.error == http::FetchError::busy) {
    discovery.put_off = page.reason;
    co_return discovery;
  }
  discovery.fetched = true;
  discovery.policy_state = after_fetch(std::move(discovery.policy_state), domain, discovery.record.id,
                                       classify_fetch(page), clock());
  co_return discovery;
}

}  // namespace starttls::discovery
