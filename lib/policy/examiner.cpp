#include "policy/examiner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

namespace starttls::policy {

using starttls::heap_size;

namespace {

// How often it happened without being logged.
std::string in_silence(std::uint64_t times) {
  return times == 0 ? std::string()
                    : fmt::format(" ({} since the last such line)", counted(times, "more failure"));
}

using FactsPtr = std::shared_ptr<const Facts>;

// Two tasks of different kinds at the same time: each leaves its result where it was told to.
template <class T>
event::Task<bool> leave(event::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await task);
  co_return true;
}

}  // namespace

std::size_t heap_size(const Facts& facts) {
  std::size_t size = facts.dane ? heap_size(*facts.dane) : 0;
  const mtasts::Discovery& mta_sts = facts.mta_sts;
  size += heap_size(mta_sts.record.id) + heap_size(mta_sts.record_reason);
  return size + heap_size(mta_sts.knowledge);
}

class Examiner::Impl {
 public:
  Impl(mtasts::Network network, mtasts::Cache& cache, VerdictStore* verdicts, Clock clock,
       ExaminerSettings settings)
      : questions_(std::move(network), settings.asking, settings.pause),
        cache_(cache),
        verdicts_(verdicts),
        clock_(std::move(clock)),
        settings_(settings) {}

  event::Task<FactsPtr> examine(NextHop next_hop, mtasts::Haste haste) {
    const auto [pending, is_new] = under_way_.try_emplace(next_hop);
    if (!is_new) {
      event::Arrival<FactsPtr> arrival;
      pending->second.push_back(&arrival);
      FactsPtr shared = co_await arrival;
      co_return shared;
    }
    const FactsPtr facts = co_await find_out(next_hop, haste);
    const auto waiting = std::move(under_way_.extract(next_hop).mapped());
    for (auto* const arrival : waiting) arrival->arrive(facts);
    co_return facts;
  }

  // A file that turns out to be damaged fails once, and is replaced by what can be saved of it.
  std::optional<mtasts::Knowledge> known(const DomainName& domain) {
    auto found = cache_.find(domain);
    if (!found) {
      tell(found.error());
      found = cache_.find(domain);
    }
    if (!found) return std::nullopt;
    return std::move(*found).value_or(mtasts::Knowledge{});
  }

  std::optional<dane::Verdict> kept_verdict(const NextHop& next_hop) {
    if (verdicts_ == nullptr) return std::nullopt;
    auto found = verdicts_->find(next_hop, clock_());
    if (found) return std::move(*found);
    tell_of_verdicts(found.error());
    return std::nullopt;
  }

  std::function<bool(const DomainName&)> is_enforced = [](const DomainName&) { return false; };

  const std::optional<Error>& cache_trouble() const { return cache_trouble_; }
  std::size_t under_way() const { return under_way_.size(); }
  std::uint64_t questions_refused() const { return questions_.refused(); }
  Time now() const { return clock_(); }

  std::function<void(const NextHop&)> waits_for_host = [](const NextHop&) {};

 private:
  event::Task<FactsPtr> find_out(NextHop next_hop, mtasts::Haste haste) {
    const DomainName& domain = next_hop.domain();
    std::optional<dane::Verdict> verdict;
    std::optional<mtasts::Discovery> discovery;
    std::vector<event::Task<bool>> both;
    const mtasts::Knowledge before = known(domain).value_or(mtasts::Knowledge{});
    Asking asking(questions_, domain, [this, &next_hop] { waits_for_host(next_hop); });
    if (settings_.dane) {
      both.push_back(find_verdict(asking, next_hop, verdict));
    } else {
      asking.dane_is_known();
    }
    both.push_back(leave(mtasts::discover(asking.network(), domain, before, haste, clock_), discovery));
    co_await event::all_of(std::move(both));
    keep(domain, before, *discovery);
    const Time examined = clock_();
    if (verdict) verdict = with_kept(next_hop, std::move(*verdict), discovery->knowledge.live(examined));
    const Time until = fresh_until(verdict, *discovery, examined);
    co_return std::make_shared<const Facts>(Facts{.dane = std::move(verdict),
                                                  .mta_sts = std::move(*discovery),
                                                  .examined = examined,
                                                  .fresh_until = until});
  }

  event::Task<bool> find_verdict(Asking& asking, NextHop next_hop, std::optional<dane::Verdict>& verdict) {
    verdict.emplace(co_await dane::examine(asking.network().ask, std::move(next_hop), settings_.dane_detail));
    asking.dane_is_known();
    co_return true;
  }

  // Also where the policy host was left in peace, a policy may have been put off until later.
  void keep(const DomainName& domain, const mtasts::Knowledge& before, mtasts::Discovery& discovery) {
    if (!discovery.fetched && discovery.knowledge.next_fetch == before.next_fetch) return;
    const auto kept = known(domain);
    if (!kept) return;  // what cannot be read may be worth more than what was learnt
    discovery.knowledge = mtasts::beside(std::move(discovery.knowledge), before, *kept);
    if (const auto done = cache_.keep(domain, discovery.knowledge, clock_()); !done) tell(done.error());
  }

  // What is proven is kept: that DANE binds the domain, and, where a policy could be given in its stead, that
  // it does not.
  dane::Verdict with_kept(const NextHop& next_hop, dane::Verdict latest,
                          const mtasts::FetchedPolicy* policy) {
    using dane::Standing;
    switch (latest.standing) {
      case Standing::unknown:
      case Standing::failing: {
        const auto before = kept_verdict(next_hop);
        return before ? dane::kept(std::move(latest), *before) : latest;
      }
      case Standing::unvalidated:
        return latest;
      case Standing::all:
      case Standing::some:
      case Standing::unusable:
      case Standing::insecure:
      case Standing::none:
        break;
    }
    if (verdicts_ == nullptr) return latest;
    const bool matters =
        dane::is_bound(latest.standing) || policy != nullptr || is_enforced(next_hop.domain());
    const Time now = clock_();
    const auto ttl = std::min(latest.ttl, settings_.longest_freshness);
    const auto done = matters ? verdicts_->keep(next_hop, latest, now, now + ttl + settings_.dane_kept)
                              : verdicts_->remove(next_hop);
    if (!done) tell_of_verdicts(done.error());
    return latest;
  }

  void tell_of_verdicts(const Error& error) {
    if (const auto silent = verdicts_told_.permit(clock_())) {
      spdlog::warn("DANE verdicts cannot be kept: {}{}", error.message, in_silence(*silent));
    }
  }

  // A cache that fails costs memory between runs, not answers.
  void tell(const Error& error) {
    cache_trouble_ = error;
    if (const auto silent = told_.permit(clock_())) {
      spdlog::warn("the cache of MTA-STS policies fails: {}{}", error.message, in_silence(*silent));
    }
  }

  Time fresh_until(const std::optional<dane::Verdict>& verdict, const mtasts::Discovery& discovery,
                   Time now) const {
    using std::chrono::seconds;
    seconds fresh = std::min(discovery.record_ttl, verdict ? verdict->ttl : seconds::max());
    fresh = std::clamp(fresh, settings_.shortest_freshness, settings_.longest_freshness);
    const bool unknown =
        discovery.record.kind == mtasts::RecordState::Kind::unknown ||
        (verdict && verdict->ttl == seconds{0} &&
         (verdict->standing == dane::Standing::unknown || verdict->standing == dane::Standing::failing));
    if (unknown || !discovery.put_off.empty()) fresh = std::min(fresh, settings_.freshness_of_failure);
    Time until = now + fresh;
    // Where a policy is due to be fetched again, asking again brings something new.
    if (discovery.record.kind == mtasts::RecordState::Kind::record && discovery.knowledge.next_fetch > now) {
      until = std::min(until, discovery.knowledge.next_fetch);
    }
    return until;
  }

  Questions questions_;
  mtasts::Cache& cache_;
  VerdictStore* verdicts_;
  Clock clock_;
  ExaminerSettings settings_;
  std::unordered_map<NextHop, std::vector<event::Arrival<FactsPtr>*>> under_way_;
  OncePerMinute told_;
  OncePerMinute verdicts_told_;
  std::optional<Error> cache_trouble_;
};

Examiner::Examiner(dns::Resolver& resolver, http::Fetcher& fetcher, mtasts::Cache& cache,
                   VerdictStore* verdicts, Clock clock, ExaminerSettings settings)
    : Examiner(mtasts::network_of(resolver, fetcher), cache, verdicts, std::move(clock), settings) {}

Examiner::Examiner(mtasts::Network network, mtasts::Cache& cache, VerdictStore* verdicts, Clock clock,
                   ExaminerSettings settings)
    : impl_(std::make_unique<Impl>(std::move(network), cache, verdicts, std::move(clock), settings)) {}

Examiner::~Examiner() = default;

event::Task<FactsPtr> Examiner::examine(NextHop next_hop, mtasts::Haste haste) {
  return impl_->examine(std::move(next_hop), haste);
}

std::optional<mtasts::Knowledge> Examiner::known(const DomainName& domain) {
  auto knowledge = impl_->known(domain);
  if (!knowledge || knowledge->live(impl_->now()) == nullptr) return std::nullopt;
  return knowledge;
}

std::function<bool(const DomainName&)>& Examiner::is_enforced() {
  return impl_->is_enforced;
}

std::optional<dane::Verdict> Examiner::kept_verdict(const NextHop& next_hop) {
  return impl_->kept_verdict(next_hop);
}

void Examiner::on_waiting_for_host(std::function<void(const NextHop&)> waits) {
  impl_->waits_for_host = std::move(waits);
}

std::uint64_t Examiner::questions_refused() const {
  return impl_->questions_refused();
}

const std::optional<Error>& Examiner::cache_trouble() const {
  return impl_->cache_trouble();
}

std::size_t Examiner::under_way() const {
  return impl_->under_way();
}

}  // namespace starttls::policy
