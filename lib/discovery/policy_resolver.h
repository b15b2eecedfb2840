// Looks up domains in the DNS and at policy hosts, and stores the results. Questions for a domain at the same
// time share one lookup. Results are stored separately: MTA-STS in its cache, DANE in its store.
//
//     discovery::PolicyResolver resolver(dns_resolver, fetcher, cache, &dane_store, clock, settings);
//     const std::shared_ptr<const discovery::DomainFacts> facts = co_await resolver.examine(domain);
//
// Runs in the thread of the loop of the DNS resolver and the fetcher.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/next_hop.h"
#include "base/result.h"
#include "dane/dane.h"
#include "discovery/dane_store.h"
#include "discovery/mta_sts_discovery.h"
#include "discovery/questions.h"
#include "dns/resolver.h"
#include "event/task.h"
#include "http/fetcher.h"
#include "mtastsdb/cache.h"

namespace starttls::discovery {

// The facts about one domain. They do not change once they are returned.
struct DomainFacts {
  // None where DANE is not looked up. Where the lookup fails, with an earlier proven result:
  // dane::keep_proven().
  std::optional<dane::DaneResult> dane;
  discovery::MtaStsDiscovery mta_sts;
  Time examined;
  // Another lookup before this time would bring nothing new. It follows from the TTLs, within the bounds of
  // PolicyResolverSettings. The facts stay valid afterwards, until newer ones are found.
  Time fresh_until;
};

// Bytes on the heap.
std::size_t heap_size(const DomainFacts& facts);

struct PolicyResolverSettings {
  bool dane = true;
  dane::Detail dane_detail = dane::Detail::hosts;
  std::chrono::seconds min_freshness{60};
  std::chrono::seconds max_freshness{3'600};
  std::chrono::seconds freshness_of_failure{60};  // after a failed DNS lookup
  // How long a DANE result that DNSSEC has proven is kept beyond its TTL, while lookups fail; zero: not at
  // all.
  std::chrono::seconds dane_max_stale{0};
  QuestionLimits asking;
  Questions::Pause pause;  // for questions that asking.rate delays
};

class PolicyResolver {
 public:
  // The references must outlive it, and all lookups must have ended before it is destroyed. `dane_store` may be
  // null: then DANE results are not stored.
  PolicyResolver(dns::Resolver& resolver, http::Fetcher& fetcher, mtastsdb::Cache& cache,
                 DaneStore* dane_store, Clock clock, PolicyResolverSettings settings);
  // The same, with another source of answers.
  PolicyResolver(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* dane_store, Clock clock,
                 PolicyResolverSettings settings);
  PolicyResolver(const PolicyResolver&) = delete;
  PolicyResolver& operator=(const PolicyResolver&) = delete;
  ~PolicyResolver();

  // Calls for a next-hop that is being looked up share the result. Never fails: what cannot be looked up
  // now is unknown in the facts. Ends within the time limits of the DNS resolver and the fetcher.
  event::Task<std::shared_ptr<const DomainFacts>> examine(
      NextHop next_hop, discovery::FetchMode fetch_mode = discovery::FetchMode::when_due);

  // The state in the cache, without a lookup. Nothing where it has no valid policy.
  std::optional<mtasts::PolicyState> known(const DomainName& domain);

  // Whether a source other than MTA-STS, such as a list, enforces something for a domain: then the absence
  // of DANE is stored, too. False for all domains until this is set.
  std::function<bool(const DomainName&)>& is_enforced();

  // The stored DANE result. Nothing where there is none, or it has expired.
  std::optional<dane::DaneResult> stored_dane(const NextHop& next_hop);

  // The last error of the cache. Nothing while it has had none.
  const std::optional<Error>& cache_error() const;

  std::size_t under_way() const;  // domains that are being looked up

  // `waits` is called for each next-hop, once only its policy host has not answered.
  void on_waiting_for_host(std::function<void(const NextHop&)> waits);

  std::uint64_t questions_refused() const;  // by the limits of questions.h, so far

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::discovery
