#include "milter/daemon.h"

#include <fmt/ranges.h>
#include <libmilter/mfapi.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "base/user.h"
#include "base/version.h"
#include "daemon/mta_log.h"
#include "daemon/pid_file.h"
#include "daemon/user.h"
#include "event/loop.h"
#include "milter/callbacks.h"
#include "milter/counters.h"
#include "milter/known_senders.h"
#include "milter/libmilter_threads.h"
#include "milter/listener.h"
#include "milter/metrics.h"
#include "milter/open_connections.h"
#include "milter/recording_rules.h"
#include "milter/silent_log.h"
#include "mtalog/follower.h"
#include "service/descriptor_limit.h"
#include "service/metrics_server.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "store/open_store.h"
#include "store/recorder.h"
#include "store/sending_domain.h"
#include "store/store_config.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;

// Long enough for the pauses between sessions under load; soon enough to give the memory back after it.
constexpr std::chrono::seconds max_thread_idle_time{10};

// Every connection needs a descriptor, and the journal must always get one.
void raise_descriptor_limit() {
  if (const auto raised = service::raise_descriptor_limit(); !raised)
    log_warning("{}", raised.error().message);
}

void log_all(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) log_warning("{}", warning);
}

// Runs smfi_main() on its own thread, which runs until the process exits: see libmilter_sigwait.cpp.
void start_libmilter(const std::function<void()>& on_exit) {
  std::thread([on_exit] {
    (void)smfi_main();
    on_exit();
  }).detach();
}

store::RecorderOptions recorder_options(const config::TlsrptConfig& configuration) {
  store::RecorderOptions options;
  options.journal.directory = store::journal_directory(configuration.state_dir);
  options.journal.sync_interval = configuration.milter.sync_interval;
  options.journal.fold_interval = configuration.milter.fold_interval;
  options.open_store = [location = store::store_location(configuration)] {
    return store::open_store(location, store::Access::owner);
  };
  if (configuration.store.empty()) {
    options.repair_store = [file = store::store_file(configuration.state_dir)] {
      return store::repair_embedded_store(file);
    };
  }
  return options;
}

void log_totals(const store::RecorderCounters& counters, const Counters& seen) {
  const journal::RecordCounts& sessions = counters.journal.counted;
  log_info("stopped: {} journalled, {} folded, {} lost, {} waiting in the journal, {}, {} excluded",
           counted(sessions.written, "session"), counters.folded_sessions, sessions.lost + sessions.held_back,
           counted(counters.waiting_bytes, "byte"), counted(counters.failures, "failure"),
           counted(seen.excluded_sessions(), "session"));
}

store::RecorderRules recorder_rules(const config::TlsrptConfig& configuration) {
  return {.fold = {.downgrade_after = configuration.milter.downgrade_after},
          .retention = std::chrono::days{configuration.milter.retention_days}};
}

// Without a list of public suffixes, senders are not remembered. Everything else works.
store::SendingDomainFinder sending_domain_or_none() {
  auto finder = store::sending_domain();
  if (finder) return *finder;
  log_warning("senders are not remembered: {}", finder.error().message);
  return [](const std::string&) { return std::string(); };
}

// The state that the callbacks use. libmilter's threads run until the process exits, so after their start it
// is never freed.
class DaemonState {
 public:
  DaemonState(const config::TlsrptConfig& configuration, const Clock& clock)
      : sending_domain_(sending_domain_or_none()),
        known_senders(sending_domain_),
        recorder(with_senders(recorder_options(configuration)), clock),
        connections(
            recorder, counters,
            [this](const std::string& client_name) { return known_senders.refuses_plaintext(client_name); },
            clock) {}

  Result<void> configure(const config::TlsrptConfig& configuration) {
    std::optional<PseudonymKey> key;
    if (configuration.milter.client_address != config::AddressDetail::full &&
        !configuration.milter.mta_log.empty()) {
      key = TRY(PseudonymKey::load(configuration.state_dir));
    }
    connections.configure(std::make_shared<RecordingRules>(configuration.milter, std::move(key)));
    auto known = known_senders.configure(configuration.milter, [&configuration] {
      return store::open_store(store::store_location(configuration), store::Access::read);
    });
    // A store that does not exist yet has no senders.
    std::error_code ignored;
    if (!known &&
        (!configuration.store.empty() || fs::exists(store::store_file(configuration.state_dir), ignored))) {
      log_warning(
          "{}; the senders that are known for TLS are read later, until then no further one is refused",
          known.error().message);
    }
    recorder.configure(recorder_rules(configuration));
    keep_threads(configuration.milter.max_idle_threads, max_thread_idle_time);
    return {};
  }

 private:
  store::RecorderOptions with_senders(store::RecorderOptions options) {
    options.sending_domain = sending_domain_;
    options.folded = [this](store::Store& store) {
      if (auto refreshed = known_senders.refresh(store); !refreshed)
        log_debug("{}", refreshed.error().message);
    };
    return options;
  }

  store::SendingDomainFinder sending_domain_;

 public:
  Guarded<Counters> counters;
  KnownSenders known_senders;
  store::Recorder recorder;
  OpenConnections connections;
};

// The changed settings that SIGHUP does not apply. They are logged.
std::vector<std::string_view> settings_for_restart(const config::TlsrptConfig& old,
                                                   const config::TlsrptConfig& now) {
  std::vector<std::string_view> changed = daemon::settings_for_restart(old.milter, now.milter);
  if (old.state_dir != now.state_dir) changed.emplace_back("state_dir");
  if (old.store != now.store) changed.emplace_back("store");
  return changed;
}

// The files and sockets that are opened before the daemon switches to its user.
struct Opened {
  std::unique_ptr<service::MetricsServer> metrics;
  daemon::PidFile pid_file;
  std::optional<Listener> listener;
};

Result<Opened> open_all(const config::TlsrptConfig& configuration, const std::optional<User>& user) {
  Opened opened{.metrics = nullptr,
                .pid_file = daemon::PidFile(configuration.milter.pid_file),
                .listener = std::nullopt};
  if (configuration.milter.metrics) {
    opened.metrics = std::make_unique<service::MetricsServer>(
        *configuration.milter.metrics,
        service::SocketAccess{.mode = configuration.milter.metrics_mode,
                              .owner = user ? std::optional(user->uid) : std::nullopt,
                              .group = user ? std::optional(user->gid) : std::nullopt});
  }
  // Last, so that the MTA cannot connect to a daemon that fails to start.
  auto listener = Listener::open(configuration, user);
  if (!listener) return std::unexpected(listener.error());
  opened.listener.emplace(std::move(*listener));
  TRY(opened.pid_file.write());
  if (user) TRY(daemon::switch_user(*user, configuration.state_dir));
  return opened;
}

// The daemon from its start to its exit, in the main thread.
class RunningDaemon {
 public:
  RunningDaemon(const daemon::Options& options, DaemonState& state, Listener& listener, UniqueFd signals)
      : options_(options),
        state_(state),
        listener_(listener),
        configuration_(options.configuration),
        started_(options.clock()),
        signals_(loop_, std::move(signals), [this](int number) { on_signal(number); }) {}

  void show_metrics(std::unique_ptr<service::MetricsServer> metrics) {
    metrics_ = std::move(metrics);
    metrics_->start(loop_, [this] {
      return metrics_page({.counters = state_.counters.get(),
                           .recorder = state_.recorder.counters(),
                           .open_connections = state_.connections.size(),
                           .log = follower_ ? std::optional(follower_->reading()) : std::nullopt,
                           .metrics_listen_failures = metrics_->failures(),
                           .started = started_,
                           .now = options_.clock()});
    });
  }

  Result<void> follow_log() {
    if (configuration_.milter.mta_log.empty()) return {};
    const auto from = TRY(store::log_position(store::journal_directory(configuration_.state_dir)));
    auto follower = TRY(mtalog::follow(
        loop_, configuration_.milter.mta_log, from, options_.clock,
        {.failure = [this](const session::LoggedFailure& failure,
                           const session::LogPosition& at) { state_.connections.record(failure, at); },
         .position = [this](const session::LogPosition& at) { state_.connections.record(at); }}));
    follower_ = std::move(follower);
    silent_log_.emplace(options_.clock());
    check_log_timer_.start(configuration_.milter.fold_interval);
    return {};
  }

  // Until SIGTERM, SIGINT or the exit of libmilter.
  Result<void> run() {
    start_libmilter([this] { loop_.post([this] { has_libmilter_exited_ = true, loop_.stop(); }); });
    log_info("{} listens on {}, records in {}", version(),
             printable(config::to_string(configuration_.milter.socket)),
             printable(configuration_.state_dir.string()));
    options_.ready();
    service::notify_ready();
    loop_.run();
    service::notify_stopping();
    check_log_timer_.stop();
    follower_.reset();
    listener_.close();
    state_.connections.finish();
    state_.recorder.stop();
    log_totals(state_.recorder.counters(), state_.counters.get());
    if (has_libmilter_exited_) return fail(Fault::unavailable, "libmilter exited unexpectedly");
    return {};
  }

 private:
  void check_log() {
    if (silent_log_->is_silent(follower_->reading().session_lines,
                               state_.counters.lock()->recorded_sessions(), options_.clock())) {
      const auto readable = mtalog::check_readable(configuration_.milter.mta_log);
      log_warning(
          "'mta_log' ({}) has had no line about a session for a day in which there were sessions, so the "
          "reasons of "
          "failed handshakes are missing{}{}",
          printable(configuration_.milter.mta_log), readable ? "" : ": ",
          readable ? "" : readable.error().message);
    }
    check_log_timer_.start(configuration_.milter.fold_interval);
  }

  void on_signal(int number) {
    if (number == SIGHUP) return reload();
    loop_.stop();
  }

  void reload() {
    service::notify_reloading();
    ++state_.counters.lock()->reloads;
    if (auto applied = apply_configuration(); !applied) {
      ++state_.counters.lock()->reloads_failed;
      log_error("{}; nothing was changed", applied.error().message);
    }
    service::notify_ready();
  }

  Result<void> apply_configuration() {
    const auto now = TRY(options_.reload_configuration());
    set_log_level(now.milter.log_level);
    // Settings that need a restart keep their values.
    config::TlsrptConfig next = now;
    next.state_dir = configuration_.state_dir;
    next.store = configuration_.store;
    next.milter.mta_log = configuration_.milter.mta_log;
    TRY(state_.configure(next));
    log_info("the configuration was read again");
    const auto warnings = store::store_warnings(now);
    if (warnings != logged_warnings_) log_all(warnings);
    logged_warnings_ = warnings;
    const auto changed = settings_for_restart(options_.configuration, now);
    if (!changed.empty())
      log_warning("a restart is needed for what changed in: {}", fmt::join(changed, ", "));
    return {};
  }

  const daemon::Options& options_;
  DaemonState& state_;
  Listener& listener_;
  const config::TlsrptConfig configuration_;
  const Time started_;
  std::vector<std::string> logged_warnings_ = store::store_warnings(configuration_);
  bool has_libmilter_exited_ = false;
  event::Loop loop_;
  service::Signals signals_;
  std::unique_ptr<service::MetricsServer> metrics_;
  std::unique_ptr<mtalog::Follower> follower_;
  std::optional<SilentLogDetector> silent_log_;
  event::Timer check_log_timer_{loop_, [this] { check_log(); }};
};

}  // namespace

Result<void> run_daemon(const daemon::Options& options) {
  const config::TlsrptConfig& configuration = options.configuration;
  log_all(store::store_warnings(configuration));
  auto signals = TRY(service::Signals::block({SIGTERM, SIGINT, SIGHUP}));
  raise_descriptor_limit();
  const auto user = TRY(daemon::user_of(daemon_table(configuration)));
  TRY(register_callbacks());
  // Before the recorder's threads create files: the umask is shared by the whole process.
  auto opened = TRY(open_all(configuration, user));

  auto state = std::make_unique<DaemonState>(configuration, options.clock);
  set_connections(state->connections);
  TRY(state->configure(configuration));
  TRY(state->recorder.start());
  DaemonState& until_exit = *state.release();
  RunningDaemon running(options, until_exit, *opened.listener, std::move(signals));
  if (opened.metrics) running.show_metrics(std::move(opened.metrics));
  // Sessions are recorded even without the log.
  if (auto followed = running.follow_log(); !followed)
    log_error("{}; the reasons of failed handshakes will be missing", followed.error().message);
  return running.run();
}

Result<void> check_startup(const config::TlsrptConfig& configuration) {
  log_all(store::store_warnings(configuration));
  const auto user = TRY(daemon::user_of(daemon_table(configuration)));
  TRY(check_listener(configuration));
  return daemon::check_mta_log(daemon_table(configuration), user, "the reasons of failed handshakes");
}

}  // namespace starttls::milter
