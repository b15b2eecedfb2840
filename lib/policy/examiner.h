// What the DNS and the policy hosts say about domains, found out once for all who ask at the same time, and
// kept: MTA-STS in its cache, DANE for as long as the DNS lets it be believed.
//
//     policy::Examiner examiner(resolver, fetcher, cache, clock, settings);
//     const std::shared_ptr<const policy::Facts> facts = co_await examiner.examine(domain);
//
// Everything happens in the thread of the loop that the resolver and the fetcher have.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "dane/dane.h"
#include "dns/resolver.h"
#include "event/task.h"
#include "http/fetcher.h"
#include "mtasts/cache.h"
#include "mtasts/discovery.h"

namespace starttls::policy {

// What was found out about one domain. Not changed any more once it is handed out.
struct Facts {
  std::optional<dane::Verdict> dane;  // none where DANE is not asked for
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
};

class Examiner {
 public:
  // All that is passed by reference must outlive it, and every examination must have ended before it does.
  Examiner(dns::Resolver& resolver, http::Fetcher& fetcher, mtasts::Cache& cache, Clock clock,
           ExaminerSettings settings);
  // The same, for who answers questions in another way.
  Examiner(mtasts::Network network, mtasts::Cache& cache, Clock clock, ExaminerSettings settings);
  Examiner(const Examiner&) = delete;
  Examiner& operator=(const Examiner&) = delete;
  ~Examiner();

  // Those who ask about a domain that is being examined share the outcome. Never fails: what cannot be found
  // out now is unknown in the facts. Ends within the time limits of the resolver and the fetcher.
  event::Task<std::shared_ptr<const Facts>> examine(DomainName domain,
                                                    mtasts::Haste haste = mtasts::Haste::when_due);

  // What the cache knows, without asking anybody; nothing where it knows no live policy.
  std::optional<mtasts::Knowledge> known(const DomainName& domain);

  // The last failure of the cache; nothing while it has always done what it was asked for.
  const std::optional<Error>& cache_trouble() const;

  std::size_t under_way() const;  // domains that are being examined

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::policy
