// What the DNS and the policy hosts say about domains, found out once for all who ask at the same time, and
// kept: MTA-STS in its cache, DANE in the store of verdicts.
//
//     discovery::PolicyResolver examiner(resolver, fetcher, cache, &verdicts, clock, settings);
//     const std::shared_ptr<const discovery::DomainFacts> facts = co_await examiner.examine(domain);
//
// Everything happens in the thread of the loop that the resolver and the fetcher have.
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

// What was found out about one domain. Not changed any more once it is handed out.
struct DomainFacts {
  // None where DANE is not asked for. Where it cannot be told now: with what was proven before, as of
  // dane::keep_proven().
  std::optional<dane::DaneResult> dane;
  discovery::MtaStsDiscovery mta_sts;
  Time examined;
  // Until then asking again would bring nothing new: as the TTLs say, within the bounds of
  // PolicyResolverSettings. What is known stays true afterwards, too, until something newer is known.
  Time fresh_until;
};

// Bytes on the heap.
std::size_t heap_size(const DomainFacts& facts);

struct PolicyResolverSettings {
  bool dane = true;
  dane::Detail dane_detail = dane::Detail::hosts;
  std::chrono::seconds min_freshness{60};
  std::chrono::seconds max_freshness{3'600};
  std::chrono::seconds freshness_of_failure{60};  // where the DNS could not tell
  // A verdict that DNSSEC has proven is kept beyond its TTL for so long, while lookups fail; zero: not at
  // all.
  std::chrono::seconds dane_kept{0};
  QuestionLimits asking;
  Questions::Pause pause;  // where asking.rate may have a question wait
};

class PolicyResolver {
 public:
  // All that is passed by reference must outlive it, and every examination must have ended before it does.
  // `verdicts` may be null: then DANE verdicts are not kept.
  PolicyResolver(dns::Resolver& resolver, http::Fetcher& fetcher, mtastsdb::Cache& cache, DaneStore* verdicts,
                 Clock clock, PolicyResolverSettings settings);
  // The same, for who answers questions in another way.
  PolicyResolver(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* verdicts, Clock clock,
                 PolicyResolverSettings settings);
  PolicyResolver(const PolicyResolver&) = delete;
  PolicyResolver& operator=(const PolicyResolver&) = delete;
  ~PolicyResolver();

  // Those who ask about a next-hop that is being examined share the outcome. Never fails: what cannot be
  // found out now is unknown in the facts. Ends within the time limits of the resolver and the fetcher.
  event::Task<std::shared_ptr<const DomainFacts>> examine(
      NextHop next_hop, discovery::FetchMode fetch_mode = discovery::FetchMode::when_due);

  // What the cache knows, without asking anybody; nothing where it knows no live policy.
  std::optional<mtasts::PolicyState> known(const DomainName& domain);

  // Whether another source than MTA-STS, such as a list, enforces something for a domain: then it is kept,
  // too, that DANE does not bind it. False for all until this is set.
  std::function<bool(const DomainName&)>& is_enforced();

  // The DANE verdict that is kept of it; nothing where there is none, or it has ended.
  std::optional<dane::DaneResult> stored_dane(const NextHop& next_hop);

  // The last failure of the cache; nothing while it has always done what it was asked for.
  const std::optional<Error>& cache_error() const;

  std::size_t under_way() const;  // domains that are being examined

  // Called, from then on, for each next-hop of which only the policy host is waited for.
  void on_waiting_for_host(std::function<void(const NextHop&)> waits);

  std::uint64_t questions_refused() const;  // by the bounds of asking.h, so far

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::discovery
