// Looks up the policies of domains: in the lists, in the cache, in the DNS and at the policy hosts.
// Everything runs in the lookup thread.
//
// Postfix supports DANE, so it gets no answer before it is known whether DANE applies to the domain. That is
// looked up now, or DNSSEC proved it before (discovery/dane_store.h). The earlier proof is used if the
// examination takes longer than `head_start`. For Sendmail, and if DANE is switched off, the answer comes
// immediately from the cache of MTA-STS policies, or after `head_start` from a list.
//
// For Postfix, no answer "no policy" is used after its TTL, since there may be DANE by then.
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

// The functions of discovery::PolicyResolver and mtastsdb::Cache that the finder uses; tests set their own.
struct PolicyLookups {
  std::function<event::Task<std::shared_ptr<const discovery::DomainFacts>>(NextHop next_hop)> examine;
  // The valid policy in the cache.
  std::function<std::optional<mtasts::PolicyState>(const DomainName& domain)> known;
  // The earlier result of DANE that DNSSEC proved.
  std::function<std::optional<dane::DaneResult>(const NextHop& next_hop)> stored_dane;
  // Domains whose policy must be fetched again, the longest overdue first.
  std::function<std::vector<DomainName>(std::size_t most)> due;
  // Changes when another process changes the cache.
  std::function<std::int64_t()> version;
};

struct FinderLimits {
  AdmissionLimits admission;      // for requests
  std::size_t max_refreshes = 4;  // in the background, at the same time
  std::chrono::milliseconds head_start{1'000};
  bool dane = true;  // whether Postfix supports DANE, and the facts include it
  // How long a result of DANE, or a result without a source, may be used after it is no longer fresh, while
  // the domain is looked up again.
  std::chrono::seconds max_stale{3'600};
  // After a refresh without success, the domain is not refreshed for this time.
  std::chrono::seconds refresh_retry{300};
};

// The inputs of the replies for a domain.
struct ReplyInputs {
  std::optional<policy::ListEntry> override_entry;
  std::optional<policy::ListEntry> list_entry;
  std::optional<dane::DaneResult> dane;
  const mtasts::FetchedPolicy* mta_sts = nullptr;       // valid; in `facts` or `cached`
  std::shared_ptr<const discovery::DomainFacts> facts;  // if the domain was examined
  std::shared_ptr<const mtasts::PolicyState> cached;
};

// The replies in the syntax of every dialect, and how long they may be used. DANE is for Postfix only. A
// reply is empty if nothing is known yet: the domain was not examined, and no source lists it. For Postfix
// with limits.dane, a reply is empty if the domain was not examined and `basis.dane` does not bind it.
Replies replies_for(const NextHop& next_hop, const ReplyInputs& inputs, const Rules& rules, Time now,
                    const FinderLimits& limits);

class Finder {
 public:
  struct Callbacks {
    std::function<void(LookupResult)> deliver;
    // Replies that were delivered before are no longer valid. The calls must keep their order.
    std::function<void(std::uint64_t)> set_generation;
  };

  // All references must outlive this object. It must not be destroyed while examinations are running.
  Finder(event::Loop& loop, PolicyLookups lookups, Clock clock, Counters& counters, FinderLimits limits,
         Callbacks callbacks);
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  // Uses these from now on.
  void use(std::shared_ptr<const Lists> lists, Rules rules);

  // Delivers exactly one result with `last` for every request.
  void look_up(LookupRequest request);

  // To be called about every second: checks for changes by other processes, and refreshes policies that are
  // due.
  void tick();

  // The examination of this next-hop waits only for the policy host.
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
  std::unordered_map<std::string, Time> tried_;  // recent attempts to refresh
};

}  // namespace starttls::listtool::serve
