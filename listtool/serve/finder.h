// Looks up the policies of domains: in the lists, in the cache, in the DNS and at the policy hosts.
// Everything happens in the lookup thread.
//
// For Postfix, which can do DANE, nothing is answered before it is known whether DANE binds the domain: that
// is found out now, or DNSSEC proved it before (discovery/dane_store.h); what was proved before is the answer
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
  // Domains whose policy is due to be fetched again, the longest overdue first.
  std::function<std::vector<DomainName>(std::size_t most)> due;
  // Changes whenever another process changes the cache.
  std::function<std::int64_t()> version;
};

struct FinderLimits {
  AdmissionLimits admission;      // for those who ask
  std::size_t max_refreshes = 4;  // in the background, at the same time
  std::chrono::milliseconds head_start{1'000};
  bool dane = true;  // whether Postfix can do DANE, and the facts have it
  // How long a result of DANE, or of no source, may be used after it was fresh, while it is looked up again.
  std::chrono::seconds max_stale{3'600};
  // A domain that was not refreshed for all its being due is left alone for so long.
  std::chrono::seconds refresh_retry{300};
};

// The inputs of the replies for a domain.
struct ReplyInputs {
  std::optional<policy::ListEntry> override_entry;
  std::optional<policy::ListEntry> list_entry;
  std::optional<dane::DaneResult> dane;
  const mtasts::FetchedPolicy* mta_sts = nullptr;       // live; in `facts` or `cached`
  std::shared_ptr<const discovery::DomainFacts> facts;  // where the domain was examined
  std::shared_ptr<const mtasts::PolicyState> cached;
};

// In the words of every dialect, and for how long. DANE is for Postfix only. A reply is empty where nothing
// is known yet: of a domain that was not examined and that no source lists and, for Postfix where
// limits.dane, unless `basis.dane` binds it.
Replies replies_for(const NextHop& next_hop, const ReplyInputs& inputs, const Rules& rules, Time now,
                    const FinderLimits& limits);

class Finder {
 public:
  struct Callbacks {
    std::function<void(LookupResult)> deliver;
    // What was delivered before counts no longer. The calls must keep their order.
    std::function<void(std::uint64_t)> set_generation;
  };

  // All that is passed by reference must outlive it. It must not be destroyed while examinations are under
  // way.
  Finder(event::Loop& loop, PolicyLookups lookups, Clock clock, Counters& counters, FinderLimits limits,
         Callbacks callbacks);
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  // From now on these count.
  void use(std::shared_ptr<const Lists> lists, Rules rules);

  // There is one last result for every request.
  void look_up(LookupRequest request);

  // To be called every second or so: notices what other processes learnt, and refreshes what is due.
  void tick();

  // Of a next-hop that is examined only the policy host is waited for.
  void wait_for_host(const NextHop& next_hop);

  std::size_t under_way() const { return examining_ + refreshing_; }

 private:
  event::Task<> examine_and_deliver(LookupRequest request);
  event::Task<> refresh(DomainName domain);
  event::Task<std::shared_ptr<const discovery::DomainFacts>> examine(NextHop next_hop);
  void next_generation();
  bool answer_immediately(const LookupRequest& request);
  bool was_known(const LookupRequest& request) const;
  void reject_busy(const LookupRequest& request, Admission::Refusal refusal);
  void deliver_known(const LookupRequest& request);
  void deliver_partial(const LookupRequest& request);
  ReplyInputs known_inputs(const NextHop& next_hop) const;
  ReplyInputs make_inputs(const DomainName& domain,
                          std::shared_ptr<const discovery::DomainFacts> facts) const;
  std::shared_ptr<Replies> make_replies(const NextHop& next_hop, const ReplyInputs& inputs) const;
  bool matches_cache(const discovery::DomainFacts& facts, const DomainName& domain) const;

  event::Loop& loop_;
  PolicyLookups lookups_;
  Clock clock_;
  Counters& counters_;
  FinderLimits limits_;
  Callbacks callbacks_;
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
