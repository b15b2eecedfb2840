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

// Formats the number of failures that were not logged.
std::string in_silence(std::uint64_t times) {
  return times == 0 ? std::string()
                    : fmt::format(" ({} since the last such line)", counted(times, "more failure"));
}

using FactsPtr = std::shared_ptr<const DomainFacts>;

// Lets two tasks with different types of results run at the same time: each stores its result by reference.
template <class T>
event::Task<bool> store_result(event::Task<T> task, std::optional<T>& result) {
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
  Impl(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* dane_store, Clock clock,
       PolicyResolverSettings settings)
      : questions_(std::move(network), settings.asking, settings.pause),
        cache_(cache),
        dane_store_(dane_store),
        clock_(std::move(clock)),
        settings_(std::move(settings)) {}

  event::Task<FactsPtr> examine(NextHop next_hop, discovery::FetchMode fetch_mode) {
    const auto [pending, is_new] = under_way_.try_emplace(next_hop);
    if (!is_new) {
      event::Completion<FactsPtr> completion;
      pending->second.push_back(&completion);
      FactsPtr shared = co_await completion;
      co_return shared;
    }
    const FactsPtr facts = co_await look_up(next_hop, fetch_mode);
    const auto waiting = std::move(under_way_.extract(next_hop).mapped());
    for (auto* const completion : waiting) completion->complete(facts);
    co_return facts;
  }

  // When the file is found to be damaged, the first call fails and replaces it by what could be recovered. So
  // a second call follows.
  std::optional<mtasts::PolicyState> known(const DomainName& domain) {
    auto found = cache_.find(domain);
    if (!found) {
      log_cache_error(found.error());
      found = cache_.find(domain);
    }
    if (!found) return std::nullopt;
    return std::move(*found).value_or(mtasts::PolicyState{});
  }

  std::optional<dane::DaneResult> stored_dane(const NextHop& next_hop) {
    if (dane_store_ == nullptr) return std::nullopt;
    auto found = dane_store_->find(next_hop, clock_());
    if (found) return std::move(*found);
    log_dane_error(found.error());
    return std::nullopt;
  }

  std::function<bool(const DomainName&)> is_enforced = [](const DomainName&) { return false; };

  const std::optional<Error>& cache_error() const { return cache_error_; }
  std::size_t under_way() const { return under_way_.size(); }
  std::uint64_t questions_refused() const { return questions_.refused(); }
  Time now() const { return clock_(); }

  std::function<void(const NextHop&)> waits_for_host = [](const NextHop&) {};

 private:
  event::Task<FactsPtr> look_up(NextHop next_hop, discovery::FetchMode fetch_mode) {
    const DomainName& domain = next_hop.domain();
    std::optional<dane::DaneResult> dane_result;
    std::optional<discovery::MtaStsDiscovery> discovery;
    std::vector<event::Task<bool>> both;
    const mtasts::PolicyState before = known(domain).value_or(mtasts::PolicyState{});
    DomainQuestions questions(questions_, domain, [this, &next_hop] { waits_for_host(next_hop); });
    if (settings_.dane) {
      both.push_back(find_dane(questions, next_hop, dane_result));
    } else {
      questions.dane_is_known();
    }
    both.push_back(store_result(discovery::discover(questions.network(), domain, before, fetch_mode, clock_),
                                discovery));
    co_await event::when_all(std::move(both));
    keep(domain, before, *discovery);
    const Time examined = clock_();
    if (dane_result)
      dane_result = with_stored(next_hop, std::move(*dane_result), discovery->policy_state.valid(examined));
    const Time until = fresh_until(dane_result, *discovery, examined);
    co_return std::make_shared<const DomainFacts>(DomainFacts{.dane = std::move(dane_result),
                                                              .mta_sts = std::move(*discovery),
                                                              .examined = examined,
                                                              .fresh_until = until});
  }

  event::Task<bool> find_dane(DomainQuestions& questions, NextHop next_hop,
                              std::optional<dane::DaneResult>& dane_result) {
    dane_result.emplace(
        co_await look_up_dane(questions.network().ask, std::move(next_hop), settings_.dane_detail));
    questions.dane_is_known();
    co_return true;
  }

  // Even without a fetch, the time of the next fetch may have changed.
  void keep(const DomainName& domain, const mtasts::PolicyState& before,
            discovery::MtaStsDiscovery& discovery) {
    if (!discovery.fetched && discovery.policy_state.next_fetch == before.next_fetch) return;
    const auto kept = known(domain);
    if (!kept) return;  // do not overwrite a state that cannot be read: it may be worth more
    discovery.policy_state = mtasts::merge(std::move(discovery.policy_state), before, *kept);
    if (const auto done = cache_.keep(domain, discovery.policy_state, clock_()); !done)
      log_cache_error(done.error());
  }

  // Stores what is proven: that DANE applies to the domain, or that it does not. The second is stored only
  // where a policy could be returned instead.
  dane::DaneResult with_stored(const NextHop& next_hop, dane::DaneResult latest,
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
    if (dane_store_ == nullptr) return latest;
    const bool matters =
        dane::has_usable_tlsa(latest.status) || policy != nullptr || is_enforced(next_hop.domain());
    const Time now = clock_();
    const auto ttl = std::min(latest.ttl, settings_.max_freshness);
    const auto done = matters ? dane_store_->keep(next_hop, latest, now, now + ttl + settings_.dane_max_stale)
                              : dane_store_->remove(next_hop);
    if (!done) log_dane_error(done.error());
    return latest;
  }

  void log_dane_error(const Error& error) {
    if (const auto silent = dane_warning_.permit(clock_())) {
      log_warning("DANE results cannot be stored: {}{}", error.message, in_silence(*silent));
    }
  }

  // Without the cache, policies are lost when the program exits, but answers are still correct.
  void log_cache_error(const Error& error) {
    cache_error_ = error;
    if (const auto silent = cache_warning_.permit(clock_())) {
      log_warning("the cache of MTA-STS policies fails: {}{}", error.message, in_silence(*silent));
    }
  }

  Time fresh_until(const std::optional<dane::DaneResult>& dane_result,
                   const discovery::MtaStsDiscovery& discovery, Time now) const {
    using std::chrono::seconds;
    seconds fresh = std::min(discovery.record_ttl, dane_result ? dane_result->ttl : seconds::max());
    fresh = std::clamp(fresh, settings_.min_freshness, settings_.max_freshness);
    const bool unknown = discovery.record.kind == mtasts::RecordState::Kind::unknown ||
                         (dane_result && dane_result->ttl == seconds{0} &&
                          (dane_result->status == dane::DaneStatus::unknown ||
                           dane_result->status == dane::DaneStatus::failing));
    if (unknown || !discovery.put_off.empty()) fresh = std::min(fresh, settings_.freshness_of_failure);
    Time until = now + fresh;
    // From the time when a policy is due to be fetched again, a new lookup may find something new.
    if (discovery.record.kind == mtasts::RecordState::Kind::record &&
        discovery.policy_state.next_fetch > now) {
      until = std::min(until, discovery.policy_state.next_fetch);
    }
    return until;
  }

  Questions questions_;
  mtastsdb::Cache& cache_;
  DaneStore* dane_store_;
  Clock clock_;
  PolicyResolverSettings settings_;
  std::unordered_map<NextHop, std::vector<event::Completion<FactsPtr>*>> under_way_;
  OncePerMinute cache_warning_;
  OncePerMinute dane_warning_;
  std::optional<Error> cache_error_;
};

PolicyResolver::PolicyResolver(dns::Resolver& resolver, http::Fetcher& fetcher, mtastsdb::Cache& cache,
                               DaneStore* dane_store, Clock clock, PolicyResolverSettings settings)
    : PolicyResolver(discovery::make_lookups(resolver, fetcher), cache, dane_store, std::move(clock),
                     std::move(settings)) {}

PolicyResolver::PolicyResolver(discovery::Lookups network, mtastsdb::Cache& cache, DaneStore* dane_store,
                               Clock clock, PolicyResolverSettings settings)
    : impl_(std::make_unique<Impl>(std::move(network), cache, dane_store, std::move(clock),
                                   std::move(settings))) {}

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
