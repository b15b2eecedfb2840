#include "examination/demand.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "certificate/tlsa.h"

namespace starttls::examination {
namespace {

Demand demand_of(mtasts::Mode mode) {
  switch (mode) {
    case mtasts::Mode::none:
      return Demand::none;
    case mtasts::Mode::testing:
      return Demand::testing;
    case mtasts::Mode::enforce:
      return Demand::enforce;
  }
  return Demand::none;
}

struct Source {
  Demand demand = Demand::none;
  std::string name;
};

void raise(Source& source, Demand demand, std::string name) {
  if (demand > source.demand) source = {.demand = demand, .name = std::move(name)};
}

Source webpki(const Reading& reading, std::string_view host) {
  Source source;
  const auto name = DomainName::parse(host);
  if (!name) return source;
  const mtasts::Policy* const policy = mta_sts_policy(reading);
  if (policy != nullptr && policy->matches(*name))
    raise(source, demand_of(policy->mode), "the MTA-STS policy");
  for (const ListFacts& list : reading.facts.lists) {
    if (!applies(list, reading.facts.now) || !covers(list, *name)) continue;
    raise(source, demand_of(list.mode),
          list.list.empty() ? "the override" : fmt::format("the list '{}'", printable(list.list, 100)));
  }
  return source;
}

}  // namespace

Reading read(const DomainFacts& facts) {
  Reading reading{.facts = facts,
                  .mta_sts_record = mtasts::read_records(facts.mta_sts.record.texts),
                  .mta_sts_policy = {},
                  .tlsrpt_record = tlsrpt::read_records(facts.tlsrpt.record.texts)};
  const auto& page = facts.mta_sts.page;
  if (page && page->error == http::FetchError::none) reading.mta_sts_policy = mtasts::read_policy(page->body);
  return reading;
}

const mtasts::Policy* mta_sts_policy(const Reading& reading) {
  if (!reading.mta_sts_record.record || !reading.mta_sts_policy.policy) return nullptr;
  return &*reading.mta_sts_policy.policy;
}

bool has_only_null_mx(const dns::Answer& mx) {
  return mx.mxs.size() == 1 && mx.mxs.front().host.empty();
}

bool applies(const ListFacts& list, Time now) {
  return !list.expires || *list.expires > now;
}

bool covers(const ListFacts& list, const DomainName& host) {
  return std::ranges::any_of(list.mx,
                             [&](const mtasts::MxPattern& pattern) { return pattern.matches(host); });
}

Demand webpki_demand(const Reading& reading, std::string_view host) {
  return webpki(reading, host).demand;
}

std::string webpki_source(const Reading& reading, std::string_view host) {
  return webpki(reading, host).name;
}

bool has_dane(const HostFacts& host) {
  return host.dane && host.dane->tlsa == dane::TlsaStatus::usable;
}

bool has_tlsa(const HostFacts& host) {
  return has_dane(host) || (host.dane && host.dane->tlsa == dane::TlsaStatus::unusable);
}

bool has_only_dane_ee(const HostFacts& host) {
  return has_dane(host) && std::ranges::all_of(host.dane->records, [](const dns::Tlsa& record) {
           return record.usage == certificate::dane_ee || !certificate::is_usable(record);
         });
}

Demand tls_demand(const Reading& reading, const HostFacts& host) {
  return has_tlsa(host) ? Demand::enforce : webpki_demand(reading, host.name);
}

std::string tls_source(const Reading& reading, const HostFacts& host) {
  std::string source = webpki_source(reading, host.name);
  if (!has_tlsa(host)) return source;
  if (webpki_demand(reading, host.name) != Demand::enforce) return "DANE";
  return "DANE and " + source;
}

}  // namespace starttls::examination
