// starttls-listtool serve: answers Postfix and Sendmail over a socketmap.
//
// Two threads. The answering thread has the sockets, and a table of replies that are ready to be sent. The
// finding thread has the lists, the DNS, the policy hosts and the cache: a TLS handshake or a slow disk never
// holds up what is known. They leave each other work (event::Loop::post()), and share nothing but counters.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/console.h"
#include "base/counted.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/text.h"
#include "base/user.h"
#include "discovery/discovery_stack.h"
#include "listtool/options.h"
#include "listtool/serve/answerer.h"
#include "listtool/serve/finder.h"
#include "listtool/serve/lists.h"
#include "listtool/serve/metrics.h"
#include "listtool/serve/server.h"
#include "service/listener.h"
#include "service/metrics_server.h"
#include "service/ownership.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "service/switch_user.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;
using namespace serve;
using namespace std::chrono_literals;

constexpr auto tick_interval = 1s;
// Where more questions are to be asked of the DNS than may be at the same time.
constexpr auto preempt_after = 1s;
constexpr int ticks_between_tidying = 60;
// Of what was asked before the end: as long as an answer may take, and a little for the peer to read it.
constexpr auto time_to_read = 2s;
// Descriptors beside those of mail servers: of the DNS, policy hosts, files.
constexpr rlim_t other_descriptors = 1'000;

Rules rules_of(const ServeSettings& settings) {
  return {.postfix_version = settings.postfix_version,
          .early_adopter = settings.early_adopter,
          .hold_without_policy = settings.hold_without_policy,
          .wait_for_dane = settings.wait_for_dane};
}

AnswererLimits answerer_limits(const ServeSettings& settings) {
  AnswererLimits limits;
  limits.table.domains = settings.max_domains;
  limits.waiting = settings.max_lookups * 10;
  limits.answer_timeout = settings.answer_timeout;
  limits.sendmail_timeout = std::min(limits.sendmail_timeout, settings.answer_timeout);
  limits.dane = settings.dane;
  limits.wait_for_dane = settings.wait_for_dane;
  return limits;
}

void raise_descriptor_limit(const ServeSettings& settings) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  if (!raised || limit.rlim_max < settings.max_connections + other_descriptors) {
    log_warning("the limit of {} is too low for {}; when it is reached, idle ones are closed",
                counted(limit.rlim_max, "open file"), counted(settings.max_connections, "connection"));
  }
}

// What finds out, all of it in one thread.
class LookupThread {
 public:
  // `answering` must outlive its thread.
  static Result<std::unique_ptr<LookupThread>> begin(const Common& common, Clock clock, Counters& counters);
  LookupThread(const LookupThread&) = delete;
  LookupThread& operator=(const LookupThread&) = delete;
  ~LookupThread() = default;

  void show_metrics(std::unique_ptr<service::MetricsServer> metrics);
  void start(event::Loop& answering, Answerer& answerer);
  // From any thread.
  void ask(LookupRequest question);
  void reload();
  // Waits for the end of its thread. What is still being examined is given up, whether or not it is freed:
  // then false.
  bool stop();

 private:
  LookupThread(const Common& common, Clock clock, Counters& counters,
               std::unique_ptr<discovery::DiscoveryStack> discovery, std::shared_ptr<Lists> lists);
  PolicyLookups knowing();
  void tick();
  void tell_unusable_lists();
  void read_configuration_again();
  void use_lists_again();
  template <class T>
  T or_tell(Result<T> result, T otherwise);

  Common common_;
  Clock clock_;
  Counters& counters_;
  std::unique_ptr<discovery::DiscoveryStack> discovery_;
  std::shared_ptr<Lists> lists_;
  std::string state_;  // of the lists
  Time started_;
  OncePerMinute cache_trouble_;
  std::optional<std::int64_t> changes_;   // of the cache by other processes
  std::int64_t policies_ = 0;             // the version of what the cache would have mail servers told
  std::int64_t changes_of_policies_ = 0;  // by other processes
  int ticks_ = 0;
  std::optional<Finder> finder_;
  std::optional<event::Timer> ticking_;
  std::unique_ptr<service::MetricsServer> metrics_;
  std::thread thread_;
};

LookupThread::LookupThread(const Common& common, Clock clock, Counters& counters,
                           std::unique_ptr<discovery::DiscoveryStack> discovery, std::shared_ptr<Lists> lists)
    : common_(common),
      clock_(std::move(clock)),
      counters_(counters),
      discovery_(std::move(discovery)),
      lists_(std::move(lists)),
      state_(Lists::state_of(common.configuration)),
      started_(clock_()) {}

Result<std::unique_ptr<LookupThread>> LookupThread::begin(const Common& common, Clock clock,
                                                          Counters& counters) {
  const Configuration& configuration = common.configuration;
  discovery::DiscoverySettings settings = configuration.discovery;
  settings.policy_hosts.queue = http::QueueLimits{};
  settings.dns.preempt_after = preempt_after;
  discovery::PolicyResolverSettings policy_resolver =
      examiner_settings(configuration.serve, dane::Detail::none);
  policy_resolver.asking.rate = discovery::QuestionRateLimits{};
  auto discovery =
      discovery::DiscoveryStack::begin(settings, mta_sts_cache(configuration), clock, policy_resolver);
  if (!discovery) return std::unexpected(discovery.error());
  for (const auto* const warning : {&(*discovery)->warning, &(*discovery)->dane_store_warning}) {
    if (*warning) log_warning("{}", (*warning)->message);
  }
  auto lists = Lists::open(configuration, clock());
  if (!lists) return std::unexpected(lists.error());
  return std::unique_ptr<LookupThread>(new LookupThread(
      common, std::move(clock), counters, std::move(*discovery), std::make_shared<Lists>(std::move(*lists))));
}

void LookupThread::show_metrics(std::unique_ptr<service::MetricsServer> metrics) {
  metrics_ = std::move(metrics);
  metrics_->start(discovery_->loop, [this] {
    counters_.questions_refused.set(discovery_->policy_resolver->questions_refused());
    counters_.fetches_waiting.set(discovery_->fetcher->waiting());
    return metrics_page(counters_, *lists_, started_, clock_(), metrics_->failures());
  });
}

template <class T>
T LookupThread::or_tell(Result<T> result, T otherwise) {
  if (result) return std::move(*result);
  if (cache_trouble_.permit(clock_())) log_warning("{}", result.error().message);
  return otherwise;
}

PolicyLookups LookupThread::knowing() {
  mtastsdb::Cache& cache = *discovery_->cache;
  discovery::PolicyResolver& policy_resolver = *discovery_->policy_resolver;
  return {
      .examine =
          [&policy_resolver](NextHop next_hop) { return policy_resolver.examine(std::move(next_hop)); },
      .known = [&policy_resolver](const DomainName& domain) { return policy_resolver.known(domain); },
      .stored_dane =
          [&policy_resolver](const NextHop& next_hop) { return policy_resolver.stored_dane(next_hop); },
      .due = [this, &cache](
                 std::size_t most) { return or_tell(cache.due(clock_(), most), std::vector<DomainName>{}); },
      // What we learn ourselves is told domain by domain.
      .version =
          [this, &cache] {
            const auto changes = or_tell(cache.version(), changes_.value_or(0));
            const auto policies = or_tell(cache.policies_version(), policies_);
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
      discovery_->loop, knowing(), clock_, counters_,
      FinderLimits{.admission = {.places = common_.configuration.serve.max_lookups,
                                 .of_one_owner = common_.configuration.serve.max_lookups / 10},
                   .dane = common_.configuration.serve.dane},
      Finder::Tell{.news =
                       [&](LookupResult news) {
                         answering.post([&answerer, news = std::move(news)] { answerer.deliver(news); });
                       },
                   .generation =
                       [&](std::uint64_t generation) {
                         answering.post([&answerer, generation] { answerer.set_generation(generation); });
                       }});
  discovery_->policy_resolver->on_waiting_for_host(
      [this](const NextHop& next_hop) { finder_->wait_for_host(next_hop); });
  finder_->use(lists_, rules_of(common_.configuration.serve));
  ticking_.emplace(discovery_->loop, [this] { tick(); });
  tick();
  thread_ = std::thread([this] { discovery_->loop.run(); });
}

void LookupThread::ask(LookupRequest question) {
  discovery_->loop.post(
      [this, question = std::move(question)]() mutable { finder_->find_out(std::move(question)); });
}

void LookupThread::reload() {
  discovery_->loop.post([this] {
    service::notify_reloading();
    read_configuration_again();
    use_lists_again();
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
  tell_unusable_lists();
  if (Lists::state_of(common_.configuration) != state_) use_lists_again();
  finder_->tick();
  if (++ticks_ % ticks_between_tidying != 0) return;
  if (const auto tidied = discovery_->cache->tidy(clock_()); !tidied && cache_trouble_.permit(clock_())) {
    log_warning("{}", tidied.error().message);
  }
}

void LookupThread::tell_unusable_lists() {
  for (const std::string& sentence : lists_->newly_unusable(clock_())) log_warning("{}", sentence);
}

// Sockets, limits and whom we are cannot change any more; lists, overrides and the words of replies can.
void LookupThread::read_configuration_again() {
  std::error_code error;
  const fs::path file = common_.config.empty() ? fs::path(default_configuration) : common_.config;
  if (common_.config.empty() && !fs::exists(file, error)) return;
  auto read = read_configuration(file);
  if (!read) {
    counters_.reloads_failed.add();
    log_warning("the configuration stays as it was: {}", read.error().message);
    return;
  }
  if (!common_.state_dir.empty()) read->state_dir = common_.state_dir;
  // Replies that are late go by it as well, and they are the other thread's.
  read->serve.wait_for_dane = common_.configuration.serve.wait_for_dane;
  common_.configuration = std::move(*read);
}

void LookupThread::use_lists_again() {
  state_ = Lists::state_of(common_.configuration);
  auto lists = Lists::open(common_.configuration, clock_());
  if (!lists) {
    counters_.reloads_failed.add();
    log_warning("lists and overrides stay as they were: {}", lists.error().message);
    return;
  }
  lists_ = std::make_shared<Lists>(std::move(*lists));
  finder_->use(lists_, rules_of(common_.configuration.serve));
  log_info("lists and overrides were read: {}", counted(lists_->installed().size(), "list"));
  tell_unusable_lists();
}

// The sockets of mail servers, and of the page with metrics.
struct Sockets {
  std::vector<UniqueFd> listening;
  std::unique_ptr<service::MetricsServer> metrics;
  std::vector<service::Listener> made;  // by us, and to be removed by us
  std::string shown;                    // where mail servers are answered
};

Result<service::SocketAccess> socket_access(const Configuration& configuration,
                                            const std::optional<User>& identity) {
  const ServeSettings& settings = configuration.serve;
  service::SocketAccess access{.mode = settings.socket_mode};
  if (identity) {
    access.owner = identity->uid;
    access.group = identity->gid;
  }
  if (!settings.socket_group.empty()) {
    const auto group = find_group(settings.socket_group);
    if (!group)
      return std::unexpected(configuration.wrong("serve.socket_group", "is wrong: " + group.error().message));
    access.group = *group;
  }
  return access;
}

Result<Sockets> open_sockets(const Configuration& configuration, const std::optional<User>& identity) {
  const ServeSettings& settings = configuration.serve;
  Sockets sockets;
  const auto access = socket_access(configuration, identity);
  if (!access) return std::unexpected(access.error());
  const auto open = [&](const config::Address& address) -> Result<UniqueFd> {
    auto listener = service::Listener::open(address, *access);
    if (!listener) return std::unexpected(listener.error());
    UniqueFd socket = listener->take_socket();
    sockets.made.push_back(std::move(*listener));
    return socket;
  };
  auto activated = service::activated_sockets();
  if (!activated) return std::unexpected(activated.error());
  sockets.listening = std::move(*activated);
  if (!sockets.listening.empty())
    sockets.shown = fmt::format(" {} of systemd", counted(sockets.listening.size(), "socket"));
  for (const config::Address& address : settings.listen) {
    const auto is_it = [&](const UniqueFd& socket) { return service::listens_at(socket, address); };
    if (std::ranges::any_of(sockets.listening, is_it)) continue;
    auto socket = open(address);
    if (!socket) return std::unexpected(socket.error());
    sockets.listening.push_back(std::move(*socket));
    sockets.shown += " " + printable(config::to_string(address));
  }
  if (sockets.listening.empty()) {
    return std::unexpected(
        configuration.wrong("serve.listen", "names no socket, and there is none of systemd"));
  }
  if (settings.metrics)
    sockets.metrics = std::make_unique<service::MetricsServer>(*settings.metrics, *access);
  return sockets;
}

// The caches have to be written by whom we become: their folder and their files are made theirs where they
// are root's, in a place that nobody but root could have changed.
void hand_over(const fs::path& cache, const User& identity) {
  std::error_code error;
  const bool is_new = !fs::exists(cache.parent_path(), error) && !error;
  const auto directory = Directory::make(cache.parent_path());
  if (!directory) return;
  const auto tell_failure = [](const Result<void>& given) {
    if (!given) log_warning("{}", given.error().message);
  };
  for (const char* const end : {"", "-wal", "-shm", "-journal"})
    tell_failure(service::give(*directory, cache.filename().string() + end, identity));
  if (is_new) tell_failure(service::change_owner_of_all(*directory, identity));
}

Result<void> drop_privileges(const Configuration& configuration, const std::optional<User>& identity) {
  if (!identity) return {};
  if (::geteuid() == 0) {
    const fs::path cache = mta_sts_cache(configuration);
    hand_over(cache, *identity);
    hand_over(discovery::dane_store_file(cache), *identity);
  }
  return service::become(*identity);
}

Result<std::optional<User>> identity_of(const Configuration& configuration) {
  const ServeSettings& settings = configuration.serve;
  if (settings.user.empty()) return std::nullopt;
  auto identity = find_user(settings.user, settings.group);
  if (identity) return *identity;
  const bool has_user = find_user(settings.user, "").has_value();
  return std::unexpected(
      configuration.wrong(has_user ? "serve.group" : "serve.user", "is wrong: " + identity.error().message));
}

// Answers until TERM or INT. Says whether nothing is being examined any more.
bool answer_until_told(const ServeSettings& settings, Sockets& sockets, UniqueFd signals_descriptor,
                       const Clock& clock, Counters& counters, LookupThread& finding) {
  event::Loop loop;
  Answerer answerer(answerer_limits(settings), counters,
                    [&](LookupRequest question) { finding.ask(std::move(question)); });
  Server server(loop, std::move(sockets.listening), answerer, counters, clock,
                {.connections = settings.max_connections, .idle_timeout = settings.idle_timeout});
  bool is_ending = false;
  const service::Signals signals(loop, std::move(signals_descriptor), [&](int number) {
    if (number == SIGHUP) return finding.reload();
    if (std::exchange(is_ending, true)) return;
    service::notify_stopping();
    sockets.made.clear();
    server.drain(settings.answer_timeout + time_to_read, [&] { loop.stop(); });
  });
  finding.start(loop, answerer);
  service::notify_ready();
  loop.run();
  return finding.stop();
}

Result<void> run(const Common& common) {
  const Configuration& configuration = common.configuration;
  const ServeSettings& settings = configuration.serve;
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  auto signals = service::Signals::block({SIGTERM, SIGINT, SIGHUP});
  if (!signals) return std::unexpected(signals.error());
  raise_descriptor_limit(settings);
  const auto identity = identity_of(configuration);
  if (!identity) return std::unexpected(identity.error());
  auto sockets = open_sockets(configuration, *identity);
  if (!sockets) return std::unexpected(sockets.error());
  if (auto dropped = drop_privileges(configuration, *identity); !dropped) return dropped;
  Counters counters;
  auto finding = LookupThread::begin(common, *clock, counters);
  if (!finding) return std::unexpected(finding.error());
  if (sockets->metrics) (*finding)->show_metrics(std::move(sockets->metrics));
  log_info("{} answers on{}", STARTTLS_VERSION, sockets->shown);
  const bool is_idle =
      answer_until_told(settings, *sockets, std::move(*signals), *clock, counters, **finding);
  log_info("ended");
  // Examinations under way hold on to everything, and nobody waits for them; they end with the process.
  if (!is_idle) (void)finding->release();
  return {};
}

// What SIGHUP reads, and the names in it. Nothing is made, and no socket is opened: it may run beside the
// server.
Result<int> check(const Common& common) {
  const auto identity = identity_of(common.configuration);
  if (!identity) return std::unexpected(identity.error());
  if (const auto access = socket_access(common.configuration, *identity); !access)
    return std::unexpected(access.error());
  if (const auto lists = Lists::open(common.configuration, common.now); !lists)
    return std::unexpected(lists.error());
  const std::string name = common.config.empty() ? "the configuration is" : common.config.string() + ":";
  if (auto printed = print(name + " good\n"); !printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace

Result<int> run_serve(const Common& common, const ServeOptions& options) {
  const ServeSettings& settings = common.configuration.serve;
  if (options.check_only) return check(common);
  const std::string level = common.quiet ? "error" : common.verbose ? "debug" : settings.log_level;
  if (auto set = set_log_level(level); !set) return std::unexpected(set.error());
  const bool to_syslog = settings.log == "syslog";
  start_log(program, to_syslog ? LogTarget::syslog : LogTarget::standard_error);
  const auto done = run(common);
  if (done) return 0;
  if (to_syslog) log_error("{}", done.error().message);
  return std::unexpected(done.error());
}

}  // namespace starttls::listtool
