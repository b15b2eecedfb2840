// What the DNS and the policy hosts say about domains, found out once for all who ask at the same time, and
// kept: MTA-STS in its cache, DANE in the store of verdicts.
//
//     policy::Examiner examiner(resolver, fetcher, cache, &verdicts, clock, settings);
//     const std::shared_ptr<const policy::Facts> facts = co_await examiner.examine(domain);
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
#include "dns/resolver.h"
#include "event/task.h"
#include "http/fetcher.h"
#include "mtasts/cache.h"
#include "mtasts/discovery.h"
#include "policy/asking.h"
#include "policy/verdict_store.h"

namespace starttls::policy {

// What was found out about one domain. Not changed any more once it is handed out.
struct Facts {
  // None where DANE is not asked for. Where it cannot be told now: with what was proven before, as of
  // dane::kept().
  std::optional<dane::Verdict> dane;
  mtasts::Discovery mta_sts;
  Time examined;
  // Until then asking again would bring nothing new: as the TTLs say, within the bounds of ExaminerSettings.
  // What is known stays true afterwards, too, until something newer is known.
  Time fresh_until;
};

// Bytes on the heap.
std::size_t heap_size(const Facts& facts);

struct ExaminerSettings {
  bool dane = true;
  dane::Detail dane_detail = dane::Detail::hosts;
  std::chrono::seconds shortest_freshness{60};
  std::chrono::seconds longest_freshness{3'600};
  std::chrono::seconds freshness_of_failure{60};  // where the DNS could not tell
  // A verdict that DNSSEC has proven is kept beyond its TTL for so long, while lookups fail; zero: not at
  // all.
  std::chrono::seconds dane_kept{0};
  AskingLimits asking;
  Questions::Pause pause;  // where asking.rate may have a question wait
};

class Examiner {
 public:
  // All that is passed by reference must outlive it, and every examination must have ended before it does.
  // `verdicts` may be null: then DANE verdicts are not kept.
  Examiner(dns::Resolver& resolver, http::Fetcher& fetcher, mtasts::Cache& cache, VerdictStore* verdicts,
           Clock clock, ExaminerSettings settings);
  // The same, for who answers questions in another way.
  Examiner(mtasts::Network network, mtasts::Cache& cache, VerdictStore* verdicts, Clock clock,
           ExaminerSettings settings);
  Examiner(const Examiner&) = delete;
  Examiner& operator=(const Examiner&) = delete;
  ~Examiner();

  // Those who ask about a next-hop that is being examined share the outcome. Never fails: what cannot be
  // found out now is unknown in the facts. Ends within the time limits of the resolver and the fetcher.
  event::Task<std::shared_ptr<const Facts>> examine(NextHop next_hop,
                                                    mtasts::Haste haste = mtasts::Haste::when_due);

  // What the cache knows, without asking anybody; nothing where it knows no live policy.
  std::optional<mtasts::Knowledge> known(const DomainName& domain);

  // Whether another source than MTA-STS, such as a list, enforces something for a domain: then it is kept,
  // too, that DANE does not bind it. False for all until this is set.
  std::function<bool(const DomainName&)>& is_enforced();

  // The DANE verdict that is kept of it; nothing where there is none, or it has ended.
  std::optional<dane::Verdict> kept_verdict(const NextHop& next_hop);

  // The last failure of the cache; nothing while it has always done what it was asked for.
  const std::optional<Error>& cache_trouble() const;

  std::size_t under_way() const;  // domains that are being examined

  // Called, from then on, for each next-hop of which only the policy host is waited for.
  void on_waiting_for_host(std::function<void(const NextHop&)> waits);

  std::uint64_t questions_refused() const;  // by the bounds of asking.h, so far

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::policy
