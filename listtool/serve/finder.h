// Finds out what is to be replied about domains: from the lists, from what is known already, and from the DNS
// and the policy hosts. Everything happens in the finding thread.
//
// For Postfix, which can do DANE, nothing is answered before it is known whether DANE binds the domain: that
// is found out now, or DNSSEC proved it before (policy/verdict_store.h); what was proved before is the answer
// where the examination takes longer than `head_start`. For Sendmail, and where DANE is switched off, the
// cache of MTA-STS policies answers at once, and a list after `head_start`.
//
// No answer "no policy" for Postfix outlives its TTL: by then there may be DANE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/next_hop.h"
#include "discovery/policy_resolver.h"
#include "event/loop.h"
#include "event/task.h"
#include "listtool/serve/admission.h"
#include "listtool/serve/answerer.h"
#include "listtool/serve/counters.h"
#include "listtool/serve/lists.h"
#include "listtool/serve/reply.h"
#include "policy/decision.h"

namespace starttls::listtool::serve {

// What the finder has from discovery::PolicyResolver and mtastsdb::Cache; a test brings its own.
struct PolicyLookups {
  std::function<event::Task<std::shared_ptr<const discovery::DomainFacts>>(NextHop next_hop)> examine;
  // The live policy in the cache.
  std::function<std::optional<mtasts::PolicyState>(const DomainName& domain)> known;
  // What DNSSEC proved of DANE before.
  std::function<std::optional<dane::DaneResult>(const NextHop& next_hop)> stored_dane;
  // Domains whose policy is to be fetched anew, the longest overdue first.
  std::function<std::vector<DomainName>(std::size_t most)> due;
  // Another number once any process has changed what is known.
  std::function<std::int64_t()> version;
};

struct FinderLimits {
  AdmissionLimits admission;  // for those who ask
  std::size_t refreshes = 4;  // in the background, at the same time
  std::chrono::milliseconds head_start{1'000};
  bool dane = true;  // whether Postfix can do DANE, and the facts have it
  // What DANE or nobody demands counts for so long after it was fresh, while it is asked for anew.
  std::chrono::seconds patience{3'600};
  // A domain that was not refreshed for all its being due is left alone for so long.
  std::chrono::seconds refresh_again{300};
};

// What is known of a domain's policy, to be decided and put into words.
struct Basis {
  std::optional<policy::ListEntry> override_entry;
  std::optional<policy::ListEntry> list_entry;
  std::optional<dane::DaneResult> dane;
  const mtasts::FetchedPolicy* mta_sts = nullptr;       // live; in `facts` or `cached`
  std::shared_ptr<const discovery::DomainFacts> facts;  // where the domain was examined
  std::shared_ptr<const mtasts::PolicyState> cached;
};

// In the words of every dialect, and for how long. DANE is for Postfix only. A reply is empty where nothing
// is known yet: of a domain that was not examined where nobody says anything about it and, for Postfix where
// limits.dane, unless `basis.dane` binds it.
Replies replies_for(const NextHop& next_hop, const Basis& basis, const Rules& rules, Time now,
                    const FinderLimits& limits);

class Finder {
 public:
  struct Tell {
    std::function<void(LookupResult)> news;
    // What was told before counts no longer; to be called in the order of the news.
    std::function<void(std::uint64_t)> generation;
  };

  // All that is passed by reference must outlive it. It must not be destroyed while examinations are under
  // way.
  Finder(event::Loop& loop, PolicyLookups knowing, Clock clock, Counters& counters, FinderLimits limits,
         Tell tell);
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  // From now on these count.
  void use(std::shared_ptr<const Lists> lists, Rules rules);

  // There is one last news for every question.
  void find_out(LookupRequest question);

  // To be called every second or so: notices what other processes learnt, and refreshes what is due.
  void tick();

  // Of a next-hop that is examined only the policy host is waited for.
  void wait_for_host(const NextHop& next_hop);

  std::size_t under_way() const { return examining_ + refreshing_; }

 private:
  event::Task<> examine_and_tell(LookupRequest question);
  event::Task<> refresh(DomainName domain);
  event::Task<std::shared_ptr<const discovery::DomainFacts>> examine(NextHop next_hop);
  void next_generation();
  bool answer_at_once(const LookupRequest& question);
  bool was_known(const LookupRequest& question) const;
  void answer_busy(const LookupRequest& question, Admission::Refusal refusal);
  void tell_known(const LookupRequest& question);
  void tell_so_far(const LookupRequest& question);
  Basis basis_so_far(const NextHop& next_hop) const;
  Basis basis_of(const DomainName& domain, std::shared_ptr<const discovery::DomainFacts> facts) const;
  std::shared_ptr<Replies> made_of(const NextHop& next_hop, const Basis& basis) const;
  bool is_cache_of(const discovery::DomainFacts& facts, const DomainName& domain) const;

  event::Loop& loop_;
  PolicyLookups lookups_;
  Clock clock_;
  Counters& counters_;
  FinderLimits limits_;
  Tell tell_;
  std::shared_ptr<const Lists> lists_ = std::make_shared<Lists>();
  Rules rules_;
  std::uint64_t generation_ = 0;
  std::optional<std::int64_t> version_;
  Admission admission_;
  std::size_t examining_ = 0;
  std::size_t refreshing_ = 0;
  std::unordered_map<std::string, Time> tried_;  // refreshes, of late
};

}  // namespace starttls::listtool::serve
