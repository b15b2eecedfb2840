#include "listtool/setup_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "examination/judge.h"
#include "mtasts/record.h"

namespace starttls::listtool {
namespace {

using dns::Dnssec;
using dns::Status;
using examination::AddressFacts;
using examination::DomainFacts;
using examination::HostFacts;
using publication::Published;
using publication::PublishedHost;

// The owner of the records where the name is an alias; "" where it is none, and where the owner is no name that could
// stand in a zone file as it is.
std::string alias_of(const dns::Answer& answer, std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  std::string owner = to_lower(answer.canonical_name);
  if (answer.status != Status::found || owner == name || !std::ranges::all_of(owner, is_plain)) return {};
  return owner;
}

Result<void> check_answer(const dns::Answer& answer, std::string_view name) {
  if (answer.status != Status::failed) return {};
  return fail(Fault::temporary, "cannot look up {}: {}", name, printable(answer.reason));
}

Result<std::vector<DomainName>> mx_hosts_of(const DomainFacts& facts) {
  if (facts.mx.status == Status::nxdomain)
    return fail(Fault::data, "there is no domain {}", facts.domain.str());
  TRY(check_answer(facts.mx, "the MX records of " + facts.domain.str()));
  if (facts.mx.status == Status::nodata) return std::vector<DomainName>{facts.domain};
  std::vector<DomainName> hosts;
  for (const dns::Mx& mx : facts.mx.mxs) {
    auto host = DomainName::parse(mx.host);
    if (host && std::ranges::find(hosts, *host) == hosts.end()) hosts.push_back(*std::move(host));
  }
  if (hosts.empty())
    return fail(Fault::data, "{} takes no mail: no MX record names a host", facts.domain.str());
  return hosts;
}

std::optional<bool> is_signed(const HostFacts& host) {
  for (const dns::Answer* answer : {&host.a, &host.aaaa}) {
    if (answer->status != Status::found) continue;
    if (answer->dnssec == Dnssec::secure) return true;
    if (answer->dnssec == Dnssec::insecure) return false;
  }
  return std::nullopt;
}

// An address that was asked, has answered EHLO, and does not offer STARTTLS.
bool lacks_starttls(const AddressFacts& address) {
  constexpr int success = 2;
  return address.newest && address.newest->ehlo && address.newest->ehlo->severity() == success &&
         !address.newest->offers_starttls && !address.chain;
}

void add_policy(Published& published, const examination::MtaStsFacts& facts) {
  const auto record = mtasts::read_records(facts.record.texts).record;
  if (!record) return;
  published.id = record->id;
  published.id_ttl = facts.record.ttl;
  for (const auto* answer : {&facts.a, &facts.aaaa}) {
    if (*answer) std::ranges::copy((*answer)->addresses, std::back_inserter(published.policy_addresses));
  }
  if (!facts.page) {
    published.no_policy = "the policy host has no address";
    return;
  }
  if (facts.page->error != http::FetchError::none) {
    published.no_policy = facts.page->reason;
    return;
  }
  published.policy = mtasts::read_policy(facts.page->body).policy;
  if (!published.policy) published.no_policy = "what the policy host returns is no valid policy";
}

}  // namespace

Result<PublishedHost> published_host(const DomainFacts& facts, const HostFacts& host) {
  TRY(check_answer(host.tlsa, "the TLSA records of " + host.name));
  PublishedHost published{.name = host.name,
                          .is_signed = is_signed(host),
                          .tlsa = host.tlsa.tlsas,
                          .tlsa_owner = alias_of(host.tlsa, "_25._tcp." + host.name),
                          .tlsa_ttl = host.tlsa.ttl,
                          .all_seen = !host.addresses.empty() && facts.smtp == examination::Smtp::asked};
  for (const AddressFacts& address : host.addresses) {
    if (address.chain) {
      published.chains.push_back(address.chain->certificates);
    } else {
      published.all_seen = false;
    }
    if (lacks_starttls(address)) published.without_starttls.push_back(address.address);
  }
  return published;
}

Result<Published> published_of(const DomainFacts& facts) {
  TRY(check_answer(facts.mta_sts.record, "the TXT record of _mta-sts." + facts.domain.str()));
  TRY(check_answer(facts.tlsrpt.record, "the TXT record of _smtp._tls." + facts.domain.str()));
  Published published;
  published.now = facts.now;
  published.mx_hosts = TRY(mx_hosts_of(facts));
  published.mx_ttl = facts.mx.ttl;
  add_policy(published, facts.mta_sts);
  published.id_owner = alias_of(facts.mta_sts.record, "_mta-sts." + facts.domain.str());
  published.rua_owner = alias_of(facts.tlsrpt.record, "_smtp._tls." + facts.domain.str());
  if (const auto reading = tlsrpt::read_records(facts.tlsrpt.record.texts); reading.record)
    published.rua = reading.record->destinations;
  for (const HostFacts& host : facts.hosts) {
    // Only the hosts with keys need them; those whose records are unknown are missing then.
    if (auto seen = published_host(facts, host)) published.hosts.push_back(*std::move(seen));
  }
  return published;
}

std::vector<std::string> obstacles_to(const mtasts::Policy& policy, DomainFacts facts) {
  mtasts::Policy enforced = policy;
  enforced.mode = mtasts::Mode::enforce;
  const std::string text = publication::policy_text(enforced);
  facts.mta_sts.record.status = Status::found;
  facts.mta_sts.record.texts = {fmt::format("v=STSv1; id={};", publication::policy_id(text))};
  facts.mta_sts.page = http::Page{.status = 200, .content_type = "text/plain", .body = text};
  facts.mta_sts.before.reset();
  std::vector<std::string> obstacles;
  for (const examination::Finding& finding : examination::judge(facts)) {
    const bool is_of_host = finding.subject.kind != examination::Subject::Kind::domain;
    const bool is_of_dane = examination::describe(finding.code).topic == examination::Topic::dane;
    if (finding.level == examination::Level::fault && is_of_host && !is_of_dane)
      obstacles.push_back(fmt::format("{}: {}", to_string(finding.subject), finding.seen));
  }
  return obstacles;
}

}  // namespace starttls::listtool
