#include "mtasts/discovery.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "mtasts/verdict.h"

namespace starttls::mtasts {
namespace {

constexpr std::size_t longest_name = 253;  // RFC 1035 section 2.3.4, in text form

http::Page page_without_address(const std::string& host, const std::vector<dns::Answer>& answers) {
  http::Page page{.trouble = http::Trouble::address, .reason = fmt::format("{} has no address", host)};
  for (const dns::Answer& answer : answers) {
    if (answer.status == dns::Status::failed) {
      page.reason = fmt::format("the addresses of {} cannot be found out: {}", host, answer.reason);
      if (answer.put_off) page.trouble = http::Trouble::busy;
    }
  }
  return page;
}

event::Task<http::Page> get_policy(Network& network, std::string host, bool met) {
  std::vector<event::Task<dns::Answer>> questions;
  questions.push_back(network.ask(host, dns::Type::aaaa));
  questions.push_back(network.ask(host, dns::Type::a));
  const std::vector<dns::Answer> answers = co_await event::all_of(std::move(questions));
  std::vector<std::string> addresses;
  for (const dns::Answer& answer : answers) {
    addresses.insert(addresses.end(), answer.addresses.begin(), answer.addresses.end());
  }
  if (addresses.empty()) co_return page_without_address(host, answers);
  http::PageRequest request;
  request.host = std::move(host);
  request.path = "/.well-known/mta-sts.txt";
  request.addresses = std::move(addresses);
  request.met = met;
  http::Page page = co_await network.get(std::move(request));
  co_return page;
}

}  // namespace

Network network_of(dns::Resolver& resolver, http::Fetcher& fetcher) {
  return {
      .ask = [&resolver](std::string name, dns::Type type) { return resolver.ask(std::move(name), type); },
      .get = [&fetcher](http::PageRequest request) { return fetcher.get(std::move(request)); }};
}

event::Task<Discovery> discover(Network network, DomainName domain, Knowledge before, Haste haste,
                                Clock clock) {
  Discovery discovery;
  const std::string record_name = "_mta-sts." + domain.str();
  if (record_name.size() > longest_name) {
    discovery.record.kind = RecordState::Kind::none;
    discovery.record_reason = fmt::format("{} is longer than a name may be", record_name);
  } else {
    const dns::Answer answer = co_await network.ask(record_name, dns::Type::txt);
    RecordVerdict verdict = verdict_on(answer);
    discovery.record = std::move(verdict.state);
    discovery.record_reason = std::move(verdict.reason);
    discovery.record_ttl = answer.ttl;
    if (answer.put_off) discovery.put_off = answer.reason;
  }
  discovery.knowledge = after_record(std::move(before), domain, discovery.record, clock());
  const bool asked_for = haste == Haste::now && discovery.record.kind == RecordState::Kind::record;
  if (!asked_for && !must_fetch(discovery.knowledge, discovery.record, clock())) co_return discovery;
  const bool met = discovery.knowledge.policy.has_value();
  const http::Page page = co_await get_policy(network, "mta-sts." + domain.str(), met);
  if (page.trouble == http::Trouble::busy) {
    discovery.put_off = page.reason;
    co_return discovery;
  }
  discovery.fetched = true;
  discovery.knowledge =
      after_fetch(std::move(discovery.knowledge), domain, discovery.record.id, outcome_of(page), clock());
  co_return discovery;
}

}  // namespace starttls::mtasts
