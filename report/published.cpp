#include "report/published.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/domain.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "discovery/discovery_stack.h"
#include "mtasts/policy.h"

namespace starttls::report {
namespace {

using Facts = std::shared_ptr<const discovery::DomainFacts>;

std::vector<DomainName> names_in(const std::set<std::string>& domains) {
  std::vector<DomainName> names;
  for (const std::string& domain : domains) {
    if (auto name = DomainName::parse(domain)) names.push_back(std::move(*name));
  }
  return names;
}

PublishedPolicy to_published(const mtasts::Policy& policy) {
  PublishedPolicy published{
      .type = "sts", .strings = mtasts::policy_strings(policy), .mx_hosts = {}, .error = {}};
  for (const mtasts::MxPattern& pattern : policy.mx) published.mx_hosts.push_back(pattern.str());
  return published;
}

// "3 1 1 0123...", as in zone files.
std::string to_string(const dns::Tlsa& record) {
  std::string text = fmt::format("{} {} {} ", record.usage, record.selector, record.matching_type);
  for (const char c : record.data) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

PublishedPolicy to_published(const dane::DaneResult& verdict) {
  PublishedPolicy published{.type = "tlsa", .strings = {}, .mx_hosts = {}, .error = {}};
  for (const dane::Host& host : verdict.hosts) {
    published.mx_hosts.push_back(host.name);
    for (const dns::Tlsa& record : host.records) published.strings.push_back(to_string(record));
  }
  return published;
}

PublishedPolicy to_published(const discovery::DomainFacts& facts) {
  const auto& dane = facts.dane;
  if (dane && dane::has_usable_tlsa(dane->status)) return to_published(*dane);
  const discovery::MtaStsDiscovery& mta_sts = facts.mta_sts;
  if (const auto* valid = mta_sts.policy_state.valid(facts.examined)) return to_published(valid->policy);
  PublishedPolicy none;
  if (mta_sts.record.kind == mtasts::RecordState::Kind::unknown) none.error = mta_sts.record_reason;
  if (mta_sts.policy_state.failure) none.error = mta_sts.policy_state.failure->reason;
  return none;
}

Result<PublishedPolicy> from_file(const std::filesystem::path& file) {
  const auto text = TRY(read_file(file, mtasts::policy_size_limit));
  const auto reading = mtasts::read_policy(text);
  if (!reading.policy) {
    return fail(Fault::config, "{}: no MTA-STS policy (see starttls-listtool lint policy)",
                printable(file.string()));
  }
  return to_published(*reading.policy);
}

event::Task<std::vector<Facts>> examine(discovery::PolicyResolver& policy_resolver,
                                        std::vector<DomainName> domains) {
  std::vector<event::Task<Facts>> tasks;
  tasks.reserve(domains.size());
  for (DomainName& domain : domains) tasks.push_back(policy_resolver.examine(std::move(domain)));
  return event::when_all(std::move(tasks));
}

// Sends one query for each domain, with the prefix before its name.
event::Task<std::vector<dns::Answer>> ask(dns::Resolver& resolver, const std::vector<DomainName>& domains,
                                          std::string_view prefix, dns::Type type) {
  std::vector<event::Task<dns::Answer>> tasks;
  tasks.reserve(domains.size());
  for (const DomainName& domain : domains)
    tasks.push_back(resolver.ask(std::string(prefix) + domain.str(), type));
  return event::when_all(std::move(tasks));
}

constexpr std::string_view report_record = "_smtp._tls.";

ReportDestinations destinations_in(const dns::Answer& answer) {
  if (answer.status == dns::Status::failed) {
    return {.destinations = {},
            .error = "its TLSRPT record cannot be looked up: " + answer.reason,
            .is_temporary = true};
  }
  auto reading = tlsrpt::read_records(answer.texts);
  if (!reading.record) return {.destinations = {}, .error = "it publishes no TLSRPT record that can be used"};
  return {.destinations = std::move(reading.record->destinations), .error = {}};
}

// The results of policy lookups, by policy host: the page, or why there is none, and the hosts whose address
// lookup failed.
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

event::Task<std::vector<discovery::MtaStsDiscovery>> discover(const discovery::DiscoveryStack& from,
                                                              std::vector<DomainName> domains,
                                                              const Clock& clock, PolicyHosts& hosts) {
  const discovery::Lookups network{
      .ask = [&](std::string name,
                 dns::Type type) { return ask_and_note(*from.resolver, std::move(name), type, hosts); },
      .get =
          [&](http::PageRequest request) { return get_and_note(*from.fetcher, std::move(request), hosts); }};
  std::vector<event::Task<discovery::MtaStsDiscovery>> tasks;
  tasks.reserve(domains.size());
  for (DomainName& domain : domains)
    tasks.push_back(discovery::discover(network, std::move(domain), {}, discovery::FetchMode::now, clock));
  co_return co_await event::when_all(std::move(tasks));
}

// Whether the answer of the policy host means that it has no policy. A host that cannot be reached from here,
// or that returns an error, may still have one.
bool is_final(const http::Page& page) {
  switch (page.error) {
    case http::FetchError::none:  // the content is no policy
    case http::FetchError::certificate:
    case http::FetchError::redirect:
    case http::FetchError::too_large:
      return true;
    case http::FetchError::status:
      return page.status >= 400 && page.status < 500 && page.status != 429;
    case http::FetchError::address:
    case http::FetchError::connection:
    case http::FetchError::tls:
    case http::FetchError::timeout:
    case http::FetchError::busy:
      break;
  }
  return false;
}

PublicationLookup policy_in(const std::string& domain, const discovery::MtaStsDiscovery& found,
                            const PolicyHosts& hosts) {
  PublicationLookup policy{.policy_domain = domain, .kind = std::string(mta_sts_policy), .reason = {}};
  if (!found.fetched) return policy;
  if (found.policy_state.policy && !found.policy_state.failure) {
    policy.presence = Presence::present;
    return policy;
  }
  if (found.policy_state.failure) policy.reason = found.policy_state.failure->reason;
  const std::string host = "mta-sts." + domain;
  const auto page = hosts.pages.find(host);
  const bool is_gone =
      page == hosts.pages.end() ? !hosts.without_answer.contains(host) : is_final(page->second);
  if (is_gone) policy.presence = Presence::gone;
  return policy;
}

PublicationLookup record_in(const std::string& domain, const discovery::MtaStsDiscovery& found) {
  PublicationLookup record{
      .policy_domain = domain, .kind = std::string(mta_sts_record), .reason = found.record_reason};
  if (found.record.kind == mtasts::RecordState::Kind::record) record.presence = Presence::present;
  if (found.record.kind == mtasts::RecordState::Kind::none) record.presence = Presence::gone;
  return record;
}

PublicationLookup report_record_in(const std::string& domain, const dns::Answer& answer) {
  PublicationLookup record{.policy_domain = domain, .kind = std::string(tlsrpt_record), .reason = {}};
  if (answer.status == dns::Status::failed) return record;
  record.presence = tlsrpt::read_records(answer.texts).record ? Presence::present : Presence::gone;
  record.reason = answer.texts.empty() ? "there is no such record" : "it cannot be used";
  return record;
}

}  // namespace

Lookup::Lookup(const Context& context) : context_(context) {}
Lookup::~Lookup() = default;

Result<discovery::DiscoveryStack*> Lookup::discovery() {
  if (!discovery_) {
    discovery_ =
        TRY(discovery::DiscoveryStack::begin(context_.report.discovery, policy_cache(context_),
                                             context_.clock, {.dane_detail = dane::Detail::records}));
  }
  return discovery_.get();
}

Result<PublishedPolicies> Lookup::policies(const std::set<std::string>& domains) {
  PublishedPolicies published;
  std::set<std::string> unknown = domains;
  for (const auto& [domain, file] : context_.configuration.policies) {
    if (!domains.contains(domain)) continue;
    auto policy = TRY(from_file(file));
    published.emplace(domain, std::move(policy));
    unknown.erase(domain);
  }
  const std::vector<DomainName> names = names_in(unknown);
  if (names.empty()) return published;
  const auto from = TRY(discovery());
  const auto facts = from->loop.run_until_complete(examine(*from->policy_resolver, names));
  for (std::size_t at = 0; at < names.size(); ++at)
    published.emplace(names[at].str(), to_published(*facts[at]));
  return published;
}

Result<std::map<std::string, std::vector<std::string>>> Lookup::mx_hosts(
    const std::set<std::string>& domains) {
  std::map<std::string, std::vector<std::string>> found;
  const std::vector<DomainName> names = names_in(domains);
  if (names.empty()) return found;
  const auto from = TRY(discovery());
  const auto answers = from->loop.run_until_complete(ask(*from->resolver, names, "", dns::Type::mx));
  for (std::size_t at = 0; at < names.size(); ++at) {
    const dns::Answer& answer = answers[at];
    if (answer.status == dns::Status::failed) continue;
    std::vector<std::string>& hosts = found[names[at].str()];
    if (answer.mxs.empty() && answer.status == dns::Status::nodata) hosts.push_back(names[at].str());
    for (const dns::Mx& mx : answer.mxs) {
      if (const auto host = DomainName::parse(mx.host)) hosts.push_back(host->str());
    }
  }
  return found;
}

Result<std::vector<PublicationLookup>> Lookup::publications(const std::set<std::string>& domains) {
  std::vector<PublicationLookup> found;
  const std::vector<DomainName> names = names_in(domains);
  if (names.empty()) return found;
  const auto from = TRY(discovery());
  PolicyHosts hosts;
  const auto records =
      from->loop.run_until_complete(ask(*from->resolver, names, report_record, dns::Type::txt));
  const auto policies = from->loop.run_until_complete(discover(*from, names, context_.clock, hosts));
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
  const auto from = TRY(discovery());
  const auto answers =
      from->loop.run_until_complete(ask(*from->resolver, names, report_record, dns::Type::txt));
  for (std::size_t at = 0; at < names.size(); ++at)
    found.emplace(names[at].str(), destinations_in(answers[at]));
  return found;
}

}  // namespace starttls::report
