#include "milter/report/published.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/domain.h"
#include "base/file.h"
#include "base/text.h"
#include "mtasts/policy.h"
#include "policy/discovery.h"

namespace starttls::milter {
namespace {

using Facts = std::shared_ptr<const policy::Facts>;

std::vector<DomainName> names_in(const std::set<std::string>& domains) {
  std::vector<DomainName> names;
  for (const std::string& domain : domains) {
    if (auto name = DomainName::parse(domain)) names.push_back(std::move(*name));
  }
  return names;
}

PublishedPolicy as_published(const mtasts::Policy& policy) {
  PublishedPolicy published{
      .type = "sts", .strings = mtasts::policy_strings(policy), .mx_hosts = {}, .trouble = {}};
  for (const mtasts::MxPattern& pattern : policy.mx) published.mx_hosts.push_back(pattern.str());
  return published;
}

// "3 1 1 0123...", as zone files have it.
std::string to_text(const dns::Tlsa& record) {
  std::string text = fmt::format("{} {} {} ", record.usage, record.selector, record.matching_type);
  for (const char c : record.data) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

PublishedPolicy as_published(const dane::Verdict& verdict) {
  PublishedPolicy published{.type = "tlsa", .strings = {}, .mx_hosts = {}, .trouble = {}};
  for (const dane::Host& host : verdict.hosts) {
    published.mx_hosts.push_back(host.name);
    for (const dns::Tlsa& record : host.records) published.strings.push_back(to_text(record));
  }
  return published;
}

PublishedPolicy as_published(const policy::Facts& facts) {
  const auto& dane = facts.dane;
  if (dane && dane::is_bound(dane->standing)) return as_published(*dane);
  const mtasts::Discovery& mta_sts = facts.mta_sts;
  if (const auto* live = mta_sts.knowledge.live(facts.examined)) return as_published(live->policy);
  PublishedPolicy none;
  if (mta_sts.record.kind == mtasts::RecordState::Kind::unknown) none.trouble = mta_sts.record_reason;
  if (mta_sts.knowledge.failure) none.trouble = mta_sts.knowledge.failure->reason;
  return none;
}

Result<PublishedPolicy> from_file(const std::filesystem::path& file) {
  const auto text = read_file(file, mtasts::policy_size_limit);
  if (!text) return std::unexpected(text.error());
  const auto reading = mtasts::read_policy(*text);
  if (!reading.policy) {
    return fail(Fault::config, "{}: no MTA-STS policy (see starttls-listtool lint policy)",
                printable(file.string()));
  }
  return as_published(*reading.policy);
}

event::Task<std::vector<Facts>> examine(policy::Examiner& examiner, std::vector<DomainName> domains) {
  std::vector<event::Task<Facts>> tasks;
  tasks.reserve(domains.size());
  for (DomainName& domain : domains) tasks.push_back(examiner.examine(std::move(domain)));
  return event::all_of(std::move(tasks));
}

// One question about each domain, at the name that begins so.
event::Task<std::vector<dns::Answer>> ask(dns::Resolver& resolver, const std::vector<DomainName>& domains,
                                          std::string_view prefix, dns::Type type) {
  std::vector<event::Task<dns::Answer>> tasks;
  tasks.reserve(domains.size());
  for (const DomainName& domain : domains)
    tasks.push_back(resolver.ask(std::string(prefix) + domain.str(), type));
  return event::all_of(std::move(tasks));
}

constexpr std::string_view report_record = "_smtp._tls.";

ReportDestinations destinations_in(const dns::Answer& answer) {
  if (answer.status == dns::Status::failed) {
    return {.destinations = {},
            .trouble = "its TLSRPT record cannot be looked up: " + answer.reason,
            .may_pass = true};
  }
  auto reading = tlsrpt::read_records(answer.texts);
  if (!reading.record)
    return {.destinations = {}, .trouble = "it publishes no TLSRPT record that can be used"};
  return {.destinations = std::move(reading.record->destinations), .trouble = {}};
}

// How asking for policies went, host by host of the policies: why there was no page, and whether the DNS
// could not tell an address.
struct PolicyHosts {
  std::map<std::string, http::Page> pages;
  std::set<std::string> without_answer;
};

event::Task<dns::Answer> ask_and_note(dns::Resolver& resolver, std::string name, dns::Type type,
                                      PolicyHosts& hosts) {
  dns::Answer answer = co_await resolver.ask(name, type);
  if (answer.status == dns::Status::failed) hosts.without_answer.insert(name);
  co_return answer;
}

event::Task<http::Page> get_and_note(http::Fetcher& fetcher, http::PageRequest request, PolicyHosts& hosts) {
  const std::string host = request.host;
  http::Page page = co_await fetcher.get(std::move(request));
  http::Page noted = page;
  noted.body.clear();
  hosts.pages.insert_or_assign(host, std::move(noted));
  co_return page;
}

event::Task<std::vector<mtasts::Discovery>> discover(const policy::Discovery& from,
                                                     std::vector<DomainName> domains, const Clock& clock,
                                                     PolicyHosts& hosts) {
  const mtasts::Network network{
      .ask = [&](std::string name,
                 dns::Type type) { return ask_and_note(*from.resolver, std::move(name), type, hosts); },
      .get =
          [&](http::PageRequest request) { return get_and_note(*from.fetcher, std::move(request), hosts); }};
  std::vector<event::Task<mtasts::Discovery>> tasks;
  tasks.reserve(domains.size());
  for (DomainName& domain : domains)
    tasks.push_back(mtasts::discover(network, std::move(domain), {}, mtasts::Haste::now, clock));
  co_return co_await event::all_of(std::move(tasks));
}

// Whether what the policy host said is its last word. A host that cannot be reached from here, or has trouble
// of its own, may have the policy all the same.
bool is_final(const http::Page& page) {
  switch (page.trouble) {
    case http::Trouble::none:  // what came is no policy
    case http::Trouble::certificate:
    case http::Trouble::redirect:
    case http::Trouble::too_large:
      return true;
    case http::Trouble::status:
      return page.status >= 400 && page.status < 500 && page.status != 429;
    case http::Trouble::address:
    case http::Trouble::connection:
    case http::Trouble::tls:
    case http::Trouble::timeout:
    case http::Trouble::busy:
      break;
  }
  return false;
}

LookedUp policy_in(const std::string& domain, const mtasts::Discovery& found, const PolicyHosts& hosts) {
  LookedUp policy{.policy_domain = domain, .kind = std::string(mta_sts_policy), .reason = {}};
  if (!found.fetched) return policy;
  if (found.knowledge.policy && !found.knowledge.failure) {
    policy.presence = Presence::present;
    return policy;
  }
  if (found.knowledge.failure) policy.reason = found.knowledge.failure->reason;
  const std::string host = "mta-sts." + domain;
  const auto page = hosts.pages.find(host);
  const bool is_gone =
      page == hosts.pages.end() ? !hosts.without_answer.contains(host) : is_final(page->second);
  if (is_gone) policy.presence = Presence::gone;
  return policy;
}

LookedUp record_in(const std::string& domain, const mtasts::Discovery& found) {
  LookedUp record{
      .policy_domain = domain, .kind = std::string(mta_sts_record), .reason = found.record_reason};
  if (found.record.kind == mtasts::RecordState::Kind::record) record.presence = Presence::present;
  if (found.record.kind == mtasts::RecordState::Kind::none) record.presence = Presence::gone;
  return record;
}

LookedUp report_record_in(const std::string& domain, const dns::Answer& answer) {
  LookedUp record{.policy_domain = domain, .kind = std::string(tlsrpt_record), .reason = {}};
  if (answer.status == dns::Status::failed) return record;
  record.presence = tlsrpt::read_records(answer.texts).record ? Presence::present : Presence::gone;
  record.reason = answer.texts.empty() ? "there is no such record" : "it cannot be used";
  return record;
}

}  // namespace

Lookup::Lookup(const Surroundings& surroundings) : surroundings_(surroundings) {}
Lookup::~Lookup() = default;

Result<policy::Discovery*> Lookup::discovery() {
  if (!discovery_) {
    auto begun = policy::Discovery::begin(surroundings_.report.discovery, policy_cache_of(surroundings_),
                                          surroundings_.clock, {.dane_detail = dane::Detail::records});
    if (!begun) return std::unexpected(begun.error());
    discovery_ = std::move(*begun);
  }
  return discovery_.get();
}

Result<PublishedPolicies> Lookup::policies(const std::set<std::string>& domains) {
  PublishedPolicies published;
  std::set<std::string> unknown = domains;
  for (const auto& [domain, file] : surroundings_.configuration.policy_files) {
    if (!domains.contains(domain)) continue;
    auto policy = from_file(file);
    if (!policy) return std::unexpected(policy.error());
    published.emplace(domain, std::move(*policy));
    unknown.erase(domain);
  }
  const std::vector<DomainName> names = names_in(unknown);
  if (names.empty()) return published;
  const auto from = discovery();
  if (!from) return std::unexpected(from.error());
  const auto facts = (*from)->loop.finish(examine(*(*from)->examiner, names));
  for (std::size_t at = 0; at < names.size(); ++at)
    published.emplace(names[at].str(), as_published(*facts[at]));
  return published;
}

Result<std::map<std::string, std::vector<std::string>>> Lookup::mx_hosts(
    const std::set<std::string>& domains) {
  std::map<std::string, std::vector<std::string>> found;
  const std::vector<DomainName> names = names_in(domains);
  if (names.empty()) return found;
  const auto from = discovery();
  if (!from) return std::unexpected(from.error());
  const auto answers = (*from)->loop.finish(ask(*(*from)->resolver, names, "", dns::Type::mx));
  for (std::size_t at = 0; at < names.size(); ++at) {
    const dns::Answer& answer = answers[at];
    if (answer.status == dns::Status::failed) continue;
    std::vector<std::string>& hosts = found[names[at].str()];
    if (answer.mxs.empty() && answer.status == dns::Status::no_data) hosts.push_back(names[at].str());
    for (const dns::Mx& mx : answer.mxs) {
      if (const auto host = DomainName::parse(mx.host)) hosts.push_back(host->str());
    }
  }
  return found;
}

Result<std::vector<LookedUp>> Lookup::publications(const std::set<std::string>& domains) {
  std::vector<LookedUp> found;
  const std::vector<DomainName> names = names_in(domains);
  if (names.empty()) return found;
  const auto from = discovery();
  if (!from) return std::unexpected(from.error());
  PolicyHosts hosts;
  const auto records = (*from)->loop.finish(ask(*(*from)->resolver, names, report_record, dns::Type::txt));
  const auto policies = (*from)->loop.finish(discover(**from, names, surroundings_.clock, hosts));
  for (std::size_t at = 0; at < names.size(); ++at) {
    const std::string& domain = names[at].str();
    found.push_back(report_record_in(domain, records[at]));
    found.push_back(record_in(domain, policies[at]));
    found.push_back(policy_in(domain, policies[at], hosts));
  }
  return found;
}

Result<std::map<std::string, ReportDestinations>> Lookup::destinations(const std::set<std::string>& domains) {
  std::map<std::string, ReportDestinations> found;
  const std::vector<DomainName> names = names_in(domains);
  if (names.empty()) return found;
  const auto from = discovery();
  if (!from) return std::unexpected(from.error());
  const auto answers = (*from)->loop.finish(ask(*(*from)->resolver, names, report_record, dns::Type::txt));
  for (std::size_t at = 0; at < names.size(); ++at)
    found.emplace(names[at].str(), destinations_in(answers[at]));
  return found;
}

}  // namespace starttls::milter
