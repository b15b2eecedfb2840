#include "discovery/policy_resolver.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "discovery/dane_lookup.h"

namespace starttls::discovery {

using starttls::heap_size;

namespace {

// How often it happened without being logged.
std::string in_silence(std::uint64_t times) {
  return times == 0 ? std::string()
                    : fmt::format(" ({} since the last such line)", counted(times, "more failure"));
}

using FactsPtr = std::shared_ptr<const DomainFacts>;

// Two tasks of different kinds at the same time: each stores its result by reference.
template <class T>
event::Task<bool> leave(event::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await task);
  co_return true;
}

}  // namespace

std::size_t heap_size(const DomainFacts& facts) {
  std::size_t size = facts.dane ? heap_size(*facts.dane) : 0;
  const discovery::MtaStsDiscovery& mta_sts = facts.mta_sts;
  size += heap_size(mta_sts.record.id) + heap_size(mta_sts.record_reason);
  return size + heap_size(mta_sts.policy_state);
}

class PolicyResolver::Impl {
 public:
  Impl(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* verdicts, Clock clock,
       PolicyResolverSettings settings)
      : questions_(std::move(network), settings.asking, settings.pause),
        cache_(cache),
        verdicts_(verdicts),
        clock_(std::move(clock)),
        settings_(settings) {}

  event::Task<FactsPtr> examine(NextHop next_hop, discovery::FetchMode fetch_mode) {
    const auto [pending, is_new] = under_way_.try_emplace(next_hop);
    if (!is_new) {
      event::Completion<FactsPtr> completion;
      pending->second.push_back(&completion);
      FactsPtr shared = co_await completion;
      co_return shared;
    }
    const FactsPtr facts = co_await find_out(next_hop, fetch_mode);
    const auto waiting = std::move(under_way_.extract(next_hop).mapped());
    for (auto* const completion : waiting) completion->complete(facts);
    co_return facts;
  }

  // A file that turns out to be damaged fails once, and is replaced by what can be saved of it.
  std::optional<mtasts::PolicyState> known(const DomainName& domain) {
    auto found = cache_.find(domain);
    if (!found) {
      tell(found.error());
      found = cache_.find(domain);
    }
    if (!found) return std::nullopt;
    return std::move(*found).value_or(mtasts::PolicyState{});
  }

  std::optional<dane::DaneResult> stored_dane(const NextHop& next_hop) {
    if (verdicts_ == nullptr) return std::nullopt;
    auto found = verdicts_->find(next_hop, clock_());
    if (found) return std::move(*found);
    tell_of_verdicts(found.error());
    return std::nullopt;
  }

  std::function<bool(const DomainName&)> is_enforced = [](const DomainName&) { return false; };

  const std::optional<Error>& cache_error() const { return cache_trouble_; }
  std::size_t under_way() const { return under_way_.size(); }
  std::uint64_t questions_refused() const { return questions_.refused(); }
  Time now() const { return clock_(); }

  std::function<void(const NextHop&)> waits_for_host = [](const NextHop&) {};

 private:
  event::Task<FactsPtr> find_out(NextHop next_hop, discovery::FetchMode fetch_mode) {
    const DomainName& domain = next_hop.domain();
    std::optional<dane::DaneResult> verdict;
    std::optional<discovery::MtaStsDiscovery> discovery;
    std::vector<event::Task<bool>> both;
    const mtasts::PolicyState before = known(domain).value_or(mtasts::PolicyState{});
    DomainQuestions asking(questions_, domain, [this, &next_hop] { waits_for_host(next_hop); });
    if (settings_.dane) {
      both.push_back(find_verdict(asking, next_hop, verdict));
    } else {
      asking.dane_is_known();
    }
    both.push_back(
        leave(discovery::discover(asking.network(), domain, before, fetch_mode, clock_), discovery));
    co_await event::when_all(std::move(both));
    keep(domain, before, *discovery);
    const Time examined = clock_();
    if (verdict) verdict = with_kept(next_hop, std::move(*verdict), discovery->policy_state.valid(examined));
    const Time until = fresh_until(verdict, *discovery, examined);
    co_return std::make_shared<const DomainFacts>(DomainFacts{.dane = std::move(verdict),
                                                              .mta_sts = std::move(*discovery),
                                                              .examined = examined,
                                                              .fresh_until = until});
  }

  event::Task<bool> find_verdict(DomainQuestions& asking, NextHop next_hop,
                                 std::optional<dane::DaneResult>& verdict) {
    verdict.emplace(co_await look_up_dane(asking.network().ask, std::move(next_hop), settings_.dane_detail));
    asking.dane_is_known();
    co_return true;
  }

  // Also without a fetch, the next fetch may have been postponed.
  void keep(const DomainName& domain, const mtasts::PolicyState& before,
            discovery::MtaStsDiscovery& discovery) {
    if (!discovery.fetched && discovery.policy_state.next_fetch == before.next_fetch) return;
    const auto kept = known(domain);
    if (!kept) return;  // what cannot be read may be worth more than what was learnt
    discovery.policy_state = mtasts::merge(std::move(discovery.policy_state), before, *kept);
    if (const auto done = cache_.keep(domain, discovery.policy_state, clock_()); !done) tell(done.error());
  }

  // What is proven is kept: that DANE binds the domain, and, where a policy could be given in its stead, that
  // it does not.
  dane::DaneResult with_kept(const NextHop& next_hop, dane::DaneResult latest,
                             const mtasts::FetchedPolicy* policy) {
    using dane::DaneStatus;
    switch (latest.status) {
      case DaneStatus::unknown:
      case DaneStatus::failing: {
        const auto before = stored_dane(next_hop);
        return before ? dane::keep_proven(std::move(latest), *before) : latest;
      }
      case DaneStatus::unvalidated:
        return latest;
      case DaneStatus::all:
      case DaneStatus::some:
      case DaneStatus::unusable:
      case DaneStatus::insecure:
      case DaneStatus::none:
        break;
    }
    if (verdicts_ == nullptr) return latest;
    const bool matters =
        dane::has_usable_tlsa(latest.status) || policy != nullptr || is_enforced(next_hop.domain());
    const Time now = clock_();
    const auto ttl = std::min(latest.ttl, settings_.max_freshness);
    const auto done = matters ? verdicts_->keep(next_hop, latest, now, now + ttl + settings_.dane_kept)
                              : verdicts_->remove(next_hop);
    if (!done) tell_of_verdicts(done.error());
    return latest;
  }

  void tell_of_verdicts(const Error& error) {
    if (const auto silent = verdicts_told_.permit(clock_())) {
      log_warning("DANE verdicts cannot be kept: {}{}", error.message, in_silence(*silent));
    }
  }

  // A cache that fails costs memory between runs, not answers.
  void tell(const Error& error) {
    cache_trouble_ = error;
    if (const auto silent = told_.permit(clock_())) {
      log_warning("the cache of MTA-STS policies fails: {}{}", error.message, in_silence(*silent));
    }
  }

  Time fresh_until(const std::optional<dane::DaneResult>& verdict,
                   const discovery::MtaStsDiscovery& discovery, Time now) const {
    using std::chrono::seconds;
    seconds fresh = std::min(discovery.record_ttl, verdict ? verdict->ttl : seconds::max());
    fresh = std::clamp(fresh, settings_.min_freshness, settings_.max_freshness);
    const bool unknown =
        discovery.record.kind == mtasts::RecordState::Kind::unknown ||
        (verdict && verdict->ttl == seconds{0} &&
         (verdict->status == dane::DaneStatus::unknown || verdict->status == dane::DaneStatus::failing));
    if (unknown || !discovery.put_off.empty()) fresh = std::min(fresh, settings_.freshness_of_failure);
    Time until = now + fresh;
    // Where a policy is due to be fetched again, asking again brings something new.
    if (discovery.record.kind == mtasts::RecordState::Kind::record &&
        discovery.policy_state.next_fetch > now) {
      until = std::min(until, discovery.policy_state.next_fetch);
    }
    return until;
  }

  Questions questions_;
  mtastsdb::Cache& cache_;
  DaneStore* verdicts_;
  Clock clock_;
  PolicyResolverSettings settings_;
  std::unordered_map<NextHop, std::vector<event::Completion<FactsPtr>*>> under_way_;
  OncePerMinute told_;
  OncePerMinute verdicts_told_;
  std::optional<Error> cache_trouble_;
};

PolicyResolver::PolicyResolver(dns::Resolver& resolver, http::Fetcher& fetcher, mtastsdb::Cache& cache,
                               DaneStore* verdicts, Clock clock, PolicyResolverSettings settings)
    : PolicyResolver(discovery::make_lookups(resolver, fetcher), cache, verdicts, std::move(clock),
                     settings) {}

PolicyResolver::PolicyResolver(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* verdicts,
                               Clock clock, PolicyResolverSettings settings)
    : impl_(std::make_unique<Impl>(std::move(network), cache, verdicts, std::move(clock), settings)) {}

PolicyResolver::~PolicyResolver() = default;

event::Task<FactsPtr> PolicyResolver::examine(NextHop next_hop, discovery::FetchMode fetch_mode) {
  return impl_->examine(std::move(next_hop), fetch_mode);
}

std::optional<mtasts::PolicyState> PolicyResolver::known(const DomainName& domain) {
  auto policy_state = impl_->known(domain);
  if (!policy_state || policy_state->valid(impl_->now()) == nullptr) return std::nullopt;
  return policy_state;
}

std::function<bool(const DomainName&)>& PolicyResolver::is_enforced() {
  return impl_->is_enforced;
}

std::optional<dane::DaneResult> PolicyResolver::stored_dane(const NextHop& next_hop) {
  return impl_->stored_dane(next_hop);
}

void PolicyResolver::on_waiting_for_host(std::function<void(const NextHop&)> waits) {
  impl_->waits_for_host = std::move(waits);
}

std::uint64_t PolicyResolver::questions_refused() const {
  return impl_->questions_refused();
}

const std::optional<Error>& PolicyResolver::cache_error() const {
  return impl_->cache_error();
}

std::size_t PolicyResolver::under_way() const {
  return impl_->under_way();
}

}  // namespace starttls::discovery
