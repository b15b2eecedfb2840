#include "listtool/serve/lookup_thread.h"

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/serve/metrics.h"
#include "service/sd_notify.h"

namespace starttls::listtool::serve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto tick_interval = 1s;
// Used if more DNS queries wait than may be sent at the same time.
constexpr auto preempt_after = 1s;
constexpr int ticks_between_tidying = 60;

Rules reply_rules(const ServeSettings& settings) {
  return {.postfix_version = settings.postfix_version,
          .early_adopter = settings.early_adopter,
          .hold_without_policy = settings.hold_without_policy,
          .wait_for_dane = settings.wait_for_dane};
}

}  // namespace

LookupThread::LookupThread(const Context& context, Clock clock, Counters& counters,
                           std::unique_ptr<discovery::DiscoveryStack> discovery, std::shared_ptr<Lists> lists)
    : context_(context),
      clock_(std::move(clock)),
      counters_(counters),
      discovery_(std::move(discovery)),
      lists_(std::move(lists)),
      state_(Lists::fingerprint(context.configuration)),
      started_(clock_()) {}

Result<std::unique_ptr<LookupThread>> LookupThread::create(const Context& context, Clock clock,
                                                           Counters& counters) {
  const Configuration& configuration = context.configuration;
  discovery::DiscoverySettings settings = configuration.discovery;
  settings.policy_hosts.queue = http::QueueLimits{};
  settings.dns.preempt_after = preempt_after;
  discovery::PolicyResolverSettings policy_resolver =
      examiner_settings(configuration.serve, dane::Detail::none);
  policy_resolver.asking.rate = discovery::QuestionRateLimits{};
  auto discovery =
      TRY(discovery::DiscoveryStack::begin(settings, mta_sts_cache(configuration), clock, policy_resolver));
  for (const auto* const warning : {&discovery->warning, &discovery->dane_store_warning}) {
    if (*warning) log_warning("{}", (*warning)->message);
  }
  auto lists = TRY(Lists::open(configuration, clock()));
  return std::unique_ptr<LookupThread>(new LookupThread(
      context, std::move(clock), counters, std::move(discovery), std::make_shared<Lists>(std::move(lists))));
}

void LookupThread::serve_metrics(std::unique_ptr<service::MetricsServer> metrics) {
  metrics_ = std::move(metrics);
  metrics_->start(discovery_->loop, [this] {
    counters_.questions_refused.set(discovery_->policy_resolver->questions_refused());
    counters_.fetches_waiting.set(discovery_->fetcher->waiting());
    return metrics_page({.counters = counters_,
                         .lists = *lists_,
                         .started = started_,
                         .now = clock_(),
                         .listen_failures = metrics_->failures()});
  });
}

template <class T>
T LookupThread::or_warn(Result<T> result, T otherwise) {
  if (result) return std::move(*result);
  if (cache_warnings_.permit(clock_())) log_warning("{}", result.error().message);
  return otherwise;
}

PolicyLookups LookupThread::make_lookups() {
  mtastsdb::Cache& cache = *discovery_->cache;
  discovery::PolicyResolver& policy_resolver = *discovery_->policy_resolver;
  return {
      .examine =
          [&policy_resolver](NextHop next_hop) { return policy_resolver.examine(std::move(next_hop)); },
      .known = [&policy_resolver](const DomainName& domain) { return policy_resolver.known(domain); },
      .stored_dane =
          [&policy_resolver](const NextHop& next_hop) { return policy_resolver.stored_dane(next_hop); },
      .due = [this, &cache](
                 std::size_t most) { return or_warn(cache.due(clock_(), most), std::vector<DomainName>{}); },
      // Changes by this process itself are delivered for each domain.
      .version =
          [this, &cache] {
            const auto changes = or_warn(cache.version(), changes_.value_or(0));
            const auto policies = or_warn(cache.policies_version(), policies_);
            const bool by_others = changes_ && changes != *changes_ && policies != policies_;
            changes_ = changes;
            policies_ = policies;
            return by_others ? ++changes_of_policies_ : changes_of_policies_;
          }};
}

void LookupThread::start(event::Loop& answering, Answerer& answerer) {
  discovery_->policy_resolver->is_enforced() = [this](const DomainName& domain) {
    const auto entry = lists_->list_entry(domain, clock_());
    return entry && entry->mode != preload::Mode::none;
  };
  finder_.emplace(
      discovery_->loop, make_lookups(), clock_, counters_,
      FinderLimits{.admission = {.max_concurrent = context_.configuration.serve.max_lookups,
                                 .max_per_owner = context_.configuration.serve.max_lookups / 10},
                   .dane = context_.configuration.serve.dane},
      Finder::Callbacks{
          .deliver =
              [&](LookupResult result) {
                answering.post([&answerer, result = std::move(result)] { answerer.deliver(result); });
              },
          .set_generation =
              [&](std::uint64_t generation) {
                answering.post([&answerer, generation] { answerer.set_generation(generation); });
              }});
  discovery_->policy_resolver->on_waiting_for_host(
      [this](const NextHop& next_hop) { finder_->wait_for_host(next_hop); });
  finder_->use(lists_, reply_rules(context_.configuration.serve));
  ticking_.emplace(discovery_->loop, [this] { tick(); });
  tick();
  thread_ = std::thread([this] { discovery_->loop.run(); });
}

void LookupThread::look_up(LookupRequest request) {
  discovery_->loop.post(
      [this, request = std::move(request)]() mutable { finder_->look_up(std::move(request)); });
}

void LookupThread::reload() {
  discovery_->loop.post([this] {
    service::notify_reloading();
    counters_.reloads.add();
    if (reload_configuration()) reload_lists();
    service::notify_ready();
  });
}

bool LookupThread::stop() {
  discovery_->loop.stop();
  thread_.join();
  metrics_.reset();
  return finder_->under_way() == 0;
}

void LookupThread::tick() {
  ticking_->start(tick_interval);
  warn_unusable_lists();
  if (Lists::fingerprint(context_.configuration) != state_) {
    counters_.reloads.add();
    reload_lists();
  }
  finder_->tick();
  if (++ticks_ % ticks_between_tidying != 0) return;
  if (const auto tidied = discovery_->cache->tidy(clock_()); !tidied && cache_warnings_.permit(clock_())) {
    log_warning("{}", tidied.error().message);
  }
}

void LookupThread::warn_unusable_lists() {
  for (const std::string& sentence : lists_->newly_unusable(clock_())) log_warning("{}", sentence);
}

// Sockets, limits and the user cannot change any more. Lists, overrides and the syntax of replies can.
// False where it stays as it was.
bool LookupThread::reload_configuration() {
  std::error_code error;
  const fs::path file = context_.config.empty() ? fs::path(default_configuration) : context_.config;
  if (context_.config.empty() && !fs::exists(file, error)) return true;
  auto read = read_configuration(file);
  if (!read) {
    counters_.reloads_failed.add();
    log_warning("the configuration stays as it was: {}", read.error().message);
    return false;
  }
  if (!context_.state_dir.empty()) read->state_dir = context_.state_dir;
  // The other thread also uses this value, for overdue replies, so it does not change.
  read->serve.wait_for_dane = context_.configuration.serve.wait_for_dane;
  context_.configuration = std::move(*read);
  return true;
}

void LookupThread::reload_lists() {
  state_ = Lists::fingerprint(context_.configuration);
  auto lists = Lists::open(context_.configuration, clock_());
  if (!lists) {
    counters_.reloads_failed.add();
    log_warning("lists and overrides stay as they were: {}", lists.error().message);
    return;
  }
  lists_ = std::make_shared<Lists>(std::move(*lists));
  finder_->use(lists_, reply_rules(context_.configuration.serve));
  log_info("lists and overrides were read: {}", counted(lists_->installed().size(), "list"));
  warn_unusable_lists();
}

}  // namespace starttls::listtool::serve
