#include "policy/examiner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

namespace starttls::policy {

using starttls::heap_size;

namespace {

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
  Impl(mtasts::Network network, mtasts::Cache& cache, Clock clock, ExaminerSettings settings)
      : network_(std::move(network)), cache_(cache), clock_(std::move(clock)), settings_(settings) {}

  event::Task<FactsPtr> examine(DomainName domain, mtasts::Haste haste) {
    const auto [pending, is_new] = under_way_.try_emplace(domain);
    if (!is_new) {
      event::Arrival<FactsPtr> arrival;
      pending->second.push_back(&arrival);
      FactsPtr shared = co_await arrival;
      co_return shared;
    }
    const FactsPtr facts = co_await find_out(domain, haste);
    const auto waiting = std::move(under_way_.extract(domain).mapped());
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

  const std::optional<Error>& cache_trouble() const { return cache_trouble_; }
  std::size_t under_way() const { return under_way_.size(); }
  Time now() const { return clock_(); }

 private:
  event::Task<FactsPtr> find_out(DomainName domain, mtasts::Haste haste) {
    std::optional<dane::Verdict> verdict;
    std::optional<mtasts::Discovery> discovery;
    std::vector<event::Task<bool>> both;
    const mtasts::Knowledge before = known(domain).value_or(mtasts::Knowledge{});
    if (settings_.dane)
      both.push_back(leave(dane::examine(network_.ask, domain, settings_.dane_detail), verdict));
    both.push_back(leave(mtasts::discover(network_, domain, before, haste, clock_), discovery));
    co_await event::all_of(std::move(both));
    keep(domain, before, *discovery);
    const Time examined = clock_();
    const Time until = fresh_until(verdict, *discovery, examined);
    co_return std::make_shared<const Facts>(Facts{.dane = std::move(verdict),
                                                  .mta_sts = std::move(*discovery),
                                                  .examined = examined,
                                                  .fresh_until = until});
  }

  // Also where the policy host was left in peace, a policy may have been put off until later.
  void keep(const DomainName& domain, const mtasts::Knowledge& before, mtasts::Discovery& discovery) {
    if (!discovery.fetched && discovery.knowledge.next_fetch == before.next_fetch) return;
    const auto kept = known(domain);
    if (!kept) return;  // what cannot be read may be worth more than what was learnt
    discovery.knowledge = mtasts::beside(std::move(discovery.knowledge), before, *kept);
    if (const auto done = cache_.keep(domain, discovery.knowledge, clock_()); !done) tell(done.error());
  }

  // A cache that fails costs memory between runs, not answers.
  void tell(const Error& error) {
    cache_trouble_ = error;
    if (const auto silent = told_.permit(clock_())) {
      spdlog::warn("the cache of MTA-STS policies fails, {} more times since it was last told: {}", *silent,
                   error.message);
    }
  }

  Time fresh_until(const std::optional<dane::Verdict>& verdict, const mtasts::Discovery& discovery,
                   Time now) const {
    using std::chrono::seconds;
    seconds fresh = std::min(discovery.record_ttl, verdict ? verdict->ttl : seconds::max());
    fresh = std::clamp(fresh, settings_.shortest_freshness, settings_.longest_freshness);
    const bool unknown =
        discovery.record.kind == mtasts::RecordState::Kind::unknown ||
        (verdict && verdict->standing == dane::Standing::unknown && verdict->ttl == seconds{0});
    if (unknown) fresh = std::min(fresh, settings_.freshness_of_failure);
    Time until = now + fresh;
    // Where a policy is due to be fetched again, asking again brings something new.
    if (discovery.record.kind == mtasts::RecordState::Kind::record && discovery.knowledge.next_fetch > now) {
      until = std::min(until, discovery.knowledge.next_fetch);
    }
    return until;
  }

  mtasts::Network network_;
  mtasts::Cache& cache_;
  Clock clock_;
  ExaminerSettings settings_;
  std::unordered_map<DomainName, std::vector<event::Arrival<FactsPtr>*>> under_way_;
  OncePerMinute told_;
  std::optional<Error> cache_trouble_;
};

Examiner::Examiner(dns::Resolver& resolver, http::Fetcher& fetcher, mtasts::Cache& cache, Clock clock,
                   ExaminerSettings settings)
    : Examiner(mtasts::network_of(resolver, fetcher), cache, std::move(clock), settings) {}

Examiner::Examiner(mtasts::Network network, mtasts::Cache& cache, Clock clock, ExaminerSettings settings)
    : impl_(std::make_unique<Impl>(std::move(network), cache, std::move(clock), settings)) {}

Examiner::~Examiner() = default;

event::Task<FactsPtr> Examiner::examine(DomainName domain, mtasts::Haste haste) {
  return impl_->examine(std::move(domain), haste);
}

std::optional<mtasts::Knowledge> Examiner::known(const DomainName& domain) {
  auto knowledge = impl_->known(domain);
  if (!knowledge || knowledge->live(impl_->now()) == nullptr) return std::nullopt;
  return knowledge;
}

const std::optional<Error>& Examiner::cache_trouble() const {
  return impl_->cache_trouble();
}

std::size_t Examiner::under_way() const {
  return impl_->under_way();
}

}  // namespace starttls::policy
