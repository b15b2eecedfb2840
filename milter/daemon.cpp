#include "milter/daemon.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <libmilter/mfapi.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/counted.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/text.h"
#include "base/user.h"
#include "event/loop.h"
#include "milter/callbacks.h"
#include "milter/counters.h"
#include "milter/known_senders.h"
#include "milter/listener.h"
#include "milter/metrics.h"
#include "milter/open_connections.h"
#include "milter/privileges.h"
#include "milter/recording_rules.h"
#include "milter/silent_log.h"
#include "mtalog/follower.h"
#include "service/metrics_server.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "store/open_store.h"
#include "store/recorder.h"
#include "store/sending_domain.h"

namespace starttls::milter {
namespace {

store::StoreLocation store_location(const config::TlsrptConfig& configuration) {
  return {.state_dir = configuration.state_dir, .store_url = configuration.store};
}

namespace fs = std::filesystem;

// Every connection takes a descriptor, and the journal must never be the one that gets none.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log_warning("the limit of open files stays as it is: {}", errno_text(errno));
  }
}

void log_warnings(const config::TlsrptConfig& configuration) {
  for (const std::string& warning : configuration.warnings) log_warning("{}", warning);
}

// Runs smfi_main() on a thread of its own, which ends with the process: see sigwait.cpp.
void start_libmilter(const std::function<void()>& ended) {
  std::thread([ended] {
    (void)smfi_main();
    ended();
  }).detach();
}

// A damaged store is kept for a person to look at, and a new one begun: sessions wait for neither.
Result<bool> repair_store(const fs::path& file) {
  const auto aside = store::quarantine_if_corrupt(file, system_clock()());
  if (!aside) return std::unexpected(aside.error());
  if (aside->empty()) return false;
  log_error(
      "{}: the store is damaged; it was moved to {}, and a new one is begun: reports know of earlier "
      "sessions "
      "only what can be saved from there",
      printable(file.string()), printable(*aside));
  return true;
}

store::RecorderOptions recorder_options(const config::TlsrptConfig& configuration) {
  store::RecorderOptions options;
  options.journal = store::journal_directory(configuration.state_dir);
  options.sync_interval = configuration.sync_interval;
  options.fold_interval = configuration.fold_interval;
  options.open_store = [place = store_location(configuration)] {
    return store::open_store(place, store::Access::owner);
  };
  if (configuration.store.empty()) {
    options.repair_store = [file = store::store_file(configuration.state_dir)] { return repair_store(file); };
  }
  return options;
}

void log_end(const store::RecorderCounters& counters, const Counters& seen) {
  std::uint64_t excluded = 0;
  for (const auto& reason : seen.excluded) excluded += reason;
  const store::RecordCounts& sessions = counters.journal.sessions;
  log_info("ended: {} journalled, {} folded, {} lost, {} waiting in the journal, {}, {} left out",
           counted(sessions.written, "session"), counters.folded_sessions, sessions.lost + sessions.held_back,
           counted(counters.waiting_bytes, "byte"), counted(counters.failures, "failure"),
           counted(excluded, "session"));
}

class PidFile {
 public:
  explicit PidFile(fs::path path) : path_(std::move(path)) {}
  PidFile(PidFile&& other) noexcept
      : path_(std::move(other.path_)), written_(std::exchange(other.written_, false)) {}
  PidFile& operator=(PidFile&&) = delete;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() {
    if (!written_) return;
    if (const auto entry = find_entry(path_)) ::unlinkat(entry->directory.fd(), entry->name.c_str(), 0);
  }
  Result<void> write() {
    if (path_.empty()) return {};
    auto done = replace_file(path_, fmt::format("{}\n", ::getpid()));
    written_ = done.has_value();
    return done;
  }

 private:
  fs::path path_;
  bool written_ = false;
};

store::RecorderRules recorder_rules(const config::TlsrptConfig& configuration) {
  return {.fold = {.downgrade_after = configuration.downgrade_after},
          .retention = std::chrono::days{configuration.retention_days}};
}

// Without a list of public suffixes there is no memory of senders, and all else works.
store::SendingDomainFinder sending_domain_or_none() {
  auto sending = store::sending_domain();
  if (sending) return *sending;
  log_warning("senders are not remembered: {}", sending.error().message);
  return [](const std::string&) { return std::string(); };
}

// What the callbacks use. Once libmilter's threads run it is never freed: they go on until the process ends.
class DaemonState {
 public:
  DaemonState(const config::TlsrptConfig& configuration, const Clock& clock)
      : sending_domain_(sending_domain_or_none()),
        known_senders(sending_domain_),
        recorder(options_of(configuration), clock),
        connections(
            recorder, counters,
            [this](const std::string& client_name) { return known_senders.refuses_plaintext(client_name); },
            clock) {}

  Result<void> configure(const config::TlsrptConfig& configuration) {
    std::optional<PseudonymKey> key;
    if (configuration.client_address != config::AddressDetail::full && !configuration.mta_log.empty()) {
      auto kept = PseudonymKey::of(configuration.state_dir);
      if (!kept) return std::unexpected(kept.error());
      key.emplace(std::move(*kept));
    }
    connections.configure(std::make_shared<RecordingRules>(configuration, std::move(key)));
    auto known = known_senders.configure(configuration, [&configuration] {
      return store::open_store(store_location(configuration), store::Access::read);
    });
    // A store that is not there yet knows nobody.
    std::error_code ignored;
    if (!known &&
        (!configuration.store.empty() || fs::exists(store::store_file(configuration.state_dir), ignored))) {
      log_warning("{}; which senders are known for TLS is read later, until then none that is new is refused",
                  known.error().message);
    }
    recorder.configure(recorder_rules(configuration));
    return {};
  }

 private:
  store::RecorderOptions options_of(const config::TlsrptConfig& configuration) {
    store::RecorderOptions options = recorder_options(configuration);
    options.sending_domain = sending_domain_;
    options.folded = [this](store::Store& store) {
      if (auto refreshed = known_senders.refresh(store); !refreshed)
        log_debug("{}", refreshed.error().message);
    };
    return options;
  }

  store::SendingDomainFinder sending_domain_;

 public:
  Counters counters;
  KnownSenders known_senders;
  store::Recorder recorder;
  OpenConnections connections;
};

// What HUP cannot change, as words for the log.
std::vector<std::string_view> changes_for_a_restart(const config::TlsrptConfig& old,
                                                    const config::TlsrptConfig& now) {
  const std::array<std::pair<bool, std::string_view>, 13> all{{
      {old.state_dir != now.state_dir, "state_dir"},
      {old.store != now.store, "store"},
      {old.socket != now.socket, "socket"},
      {old.socket_mode != now.socket_mode, "socket_mode"},
      {old.socket_owner != now.socket_owner, "socket_owner"},
      {old.socket_group != now.socket_group, "socket_group"},
      {old.user != now.user, "user"},
      {old.log != now.log, "log"},
      {old.pid_file != now.pid_file, "pid_file"},
      {old.sync_interval != now.sync_interval || old.fold_interval != now.fold_interval, "the intervals"},
      {old.metrics != now.metrics, "metrics"},
      {old.metrics_mode != now.metrics_mode, "metrics_mode"},
      {old.mta_log != now.mta_log, "mta_log"},
  }};
  std::vector<std::string_view> changed;
  for (const auto& [differs, name] : all) {
    if (differs) changed.push_back(name);
  }
  return changed;
}

// What is opened before the daemon becomes somebody else.
struct Opened {
  std::unique_ptr<service::MetricsServer> metrics;
  PidFile pid_file;
};

Result<Opened> open_all(const config::TlsrptConfig& configuration, const std::optional<User>& identity) {
  Opened opened{.metrics = nullptr, .pid_file = PidFile(configuration.pid_file)};
  if (configuration.metrics) {
    opened.metrics = std::make_unique<service::MetricsServer>(
        *configuration.metrics,
        service::SocketAccess{.mode = configuration.metrics_mode,
                              .owner = identity ? std::optional(identity->uid) : std::nullopt,
                              .group = identity ? std::optional(identity->gid) : std::nullopt});
  }
  // Last, so that the MTA finds nobody where we cannot start.
  if (auto listening = open_listener(configuration, identity); !listening)
    return std::unexpected(listening.error());
  auto begun = opened.pid_file.write();
  if (begun && identity) begun = become(*identity, configuration);
  if (begun) return opened;
  close_listener(configuration);
  return std::unexpected(begun.error());
}

// The daemon from its start to its end, in the main thread.
class RunningDaemon {
 public:
  RunningDaemon(const DaemonOptions& startup, DaemonState& working, UniqueFd signals)
      : startup_(startup),
        working_(working),
        configuration_(startup.configuration),
        started_(startup.clock()),
        signals_(loop_, std::move(signals), [this](int number) { on_signal(number); }) {}

  void show_metrics(std::unique_ptr<service::MetricsServer> metrics) {
    metrics_ = std::move(metrics);
    metrics_->start(loop_, [this] {
      return metrics_page({.counters = working_.counters,
                           .recorder = working_.recorder.counters(),
                           .open_connections = working_.connections.size(),
                           .log = follower_ ? std::optional(follower_->reading()) : std::nullopt,
                           .metrics_listen_failures = metrics_->failures(),
                           .started = started_,
                           .now = startup_.clock()});
    });
  }

  Result<void> follow_log() {
    if (configuration_.mta_log.empty()) return {};
    const auto from = store::log_position(store::journal_directory(configuration_.state_dir));
    if (!from) return std::unexpected(from.error());
    auto follower = mtalog::follow(
        loop_, configuration_.mta_log, *from, startup_.clock,
        {.failure = [this](const session::LoggedFailure& failure,
                           const session::LogPosition& at) { working_.connections.record(failure, at); },
         .position = [this](const session::LogPosition& at) { working_.connections.record(at); }});
    if (!follower) return std::unexpected(follower.error());
    follower_ = std::move(*follower);
    log_watch_.emplace(startup_.clock());
    look_at_log_.start(configuration_.fold_interval);
    return {};
  }

  // Until TERM, INT or the end of libmilter.
  Result<void> run() {
    start_libmilter([this] { loop_.post([this] { libmilter_ended_ = true, loop_.stop(); }); });
    log_info("{} listens on {}, records in {}", STARTTLS_VERSION,
             printable(config::to_string(configuration_.socket)),
             printable(configuration_.state_dir.string()));
    startup_.ready();
    service::notify_ready();
    loop_.run();
    service::notify_stopping();
    look_at_log_.stop();
    follower_.reset();
    close_listener(configuration_);
    working_.connections.finish();
    working_.recorder.stop();
    log_end(working_.recorder.counters(), working_.counters);
    if (libmilter_ended_) return fail(Fault::unavailable, "libmilter ended unasked");
    return {};
  }

 private:
  void look_at_log() {
    if (log_watch_->is_silent(follower_->reading().session_lines, working_.counters.recorded(),
                              startup_.clock())) {
      const auto readable = mtalog::check_readable(configuration_.mta_log);
      log_warning(
          "'mta_log' ({}) has had no line about a session for a day in which there were sessions, so why "
          "handshakes fail "
          "is not known{}{}",
          printable(configuration_.mta_log), readable ? "" : ": ", readable ? "" : readable.error().message);
    }
    look_at_log_.start(configuration_.fold_interval);
  }

  void on_signal(int number) {
    if (number == SIGHUP) return reload();
    loop_.stop();
  }

  void reload() {
    service::notify_reloading();
    ++working_.counters.reloads;
    if (auto again = reread(); !again) {
      ++working_.counters.reloads_failed;
      log_error("{}; nothing was changed", again.error().message);
    }
    service::notify_ready();
  }

  Result<void> reread() {
    const auto now = startup_.reload_configuration();
    if (!now) return std::unexpected(now.error());
    if (auto level = set_log_level(now->log_level); !level) return level;
    // What takes a restart stays as it is.
    config::TlsrptConfig next = *now;
    next.state_dir = configuration_.state_dir;
    next.store = configuration_.store;
    next.mta_log = configuration_.mta_log;
    if (auto configured = working_.configure(next); !configured) return configured;
    log_info("the configuration was read again");
    if (now->warnings != warned_of_) log_warnings(*now);
    warned_of_ = now->warnings;
    const auto waiting = changes_for_a_restart(startup_.configuration, *now);
    if (!waiting.empty())
      log_warning("a restart is needed for what changed in: {}", fmt::join(waiting, ", "));
    return {};
  }

  const DaemonOptions& startup_;
  DaemonState& working_;
  const config::TlsrptConfig configuration_;
  const Time started_;
  std::vector<std::string> warned_of_ = configuration_.warnings;
  bool libmilter_ended_ = false;
  event::Loop loop_;
  service::Signals signals_;
  std::unique_ptr<service::MetricsServer> metrics_;
  std::unique_ptr<mtalog::Follower> follower_;
  std::optional<SilentLogDetector> log_watch_;
  event::Timer look_at_log_{loop_, [this] { look_at_log(); }};
};

}  // namespace

Result<void> run_daemon(const DaemonOptions& startup) {
  const config::TlsrptConfig& configuration = startup.configuration;
  log_warnings(configuration);
  auto signals = service::Signals::block({SIGTERM, SIGINT, SIGHUP});
  if (!signals) return std::unexpected(signals.error());
  raise_descriptor_limit();
  const auto identity = identity_of(configuration);
  if (!identity) return std::unexpected(identity.error());
  if (auto registered = register_callbacks(); !registered) return registered;
  // Before the recorder's threads make files: the umask is the whole process's.
  auto opened = open_all(configuration, *identity);
  if (!opened) return std::unexpected(opened.error());

  auto working = std::make_unique<DaemonState>(configuration, startup.clock);
  set_connections(working->connections);
  auto started = working->configure(configuration);
  if (started) started = working->recorder.start();
  if (!started) {
    close_listener(configuration);
    return started;
  }
  DaemonState& until_exit = *working.release();
  RunningDaemon daemon(startup, until_exit, std::move(*signals));
  if (opened->metrics) daemon.show_metrics(std::move(opened->metrics));
  // Without it less is known, and mail is watched all the same.
  if (auto followed = daemon.follow_log(); !followed)
    log_error("{}; why handshakes fail will not be known", followed.error().message);
  return daemon.run();
}

Result<void> check_startup(const config::TlsrptConfig& configuration) {
  log_warnings(configuration);
  const auto identity = identity_of(configuration);
  if (!identity) return std::unexpected(identity.error());
  if (auto listener = check_listener(configuration); !listener) return listener;
  if (configuration.mta_log.empty()) return {};
  // Root reads everything; the daemon is somebody else by then.
  const bool becomes = *identity && ::geteuid() == 0;
  if (becomes) {
    if (auto become = service::become(**identity); !become) return become;
  }
  // The daemon waits for it, and watches mail meanwhile: that is no reason not to start.
  if (const auto readable = mtalog::check_readable(configuration.mta_log); !readable) {
    log_warning("'milter.mta_log': {}{}; why handshakes fail would not be known", readable.error().message,
                becomes ? fmt::format(" (user '{}')", printable((*identity)->name)) : "");
  }
  return {};
}

Result<std::function<void()>> detach(bool keep_standard_error) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Fault::temporary, "pipe: {}", errno_text(errno));
  const pid_t child = ::fork();
  if (child < 0) return fail(Fault::temporary, "fork: {}", errno_text(errno));
  if (child > 0) {
    ::close(ends[1]);
    char byte = 0;
    if (::read(ends[0], &byte, 1) == 1) ::_exit(0);
    int status = 0;
    const bool ended = ::waitpid(child, &status, 0) == child && WIFEXITED(status);
    ::_exit(ended ? WEXITSTATUS(status) : static_cast<int>(Fault::internal));
  }
  ::close(ends[0]);
  ::setsid();
  if (::chdir("/") != 0) return fail(Fault::internal, "chdir: {}", errno_text(errno));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail(Fault::internal, "/dev/null: {}", errno_text(errno));
  return [null, write_end = ends[1], last = keep_standard_error ? STDOUT_FILENO : STDERR_FILENO] {
    // From here on nobody reads what we would print.
    for (int fd = STDIN_FILENO; fd <= last; ++fd) ::dup2(null, fd);
    ::close(null);
    (void)write_all(write_end, "r");
    ::close(write_end);
  };
}

}  // namespace starttls::milter
