#include "collector/daemon.h"

#include <fmt/ranges.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "base/version.h"
#include "collector/log_results.h"
#include "collector/metrics.h"
#include "collector/receiver.h"
#include "collector/socket.h"
#include "daemon/mta_log.h"
#include "daemon/pid_file.h"
#include "daemon/user.h"
#include "event/loop.h"
#include "mtalog/follower.h"
#include "outbound/open_store.h"
#include "outbound/recorder.h"
#include "service/metrics_server.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "session/failure.h"
#include "store/store_config.h"
#include "tlsrpt/datagram.h"

namespace starttls::collector {
namespace {

// Of the journal. Of a segment, each different datagram is in memory.
constexpr std::uint64_t max_segment_bytes = 4UL << 20U;
// Added up at a time: the larger, the more datagrams of a domain cost one update of its row.
constexpr std::uint64_t max_batch_bytes = 384UL << 20U;

void log_all(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) log_warning("{}", warning);
}

outbound::RecorderOptions recorder_options(const config::TlsrptConfig& configuration) {
  outbound::RecorderOptions options;
  options.journal.directory = outbound::journal_directory(configuration.state_dir);
  options.journal.sync_interval = configuration.collector.sync_interval;
  options.journal.fold_interval = configuration.collector.fold_interval;
  options.journal.max_segment_bytes = max_segment_bytes;
  options.journal.max_batch_bytes = max_batch_bytes;
  options.open_store = [location = store::store_location(configuration)] {
    return outbound::open_store(location, outbound::Access::owner);
  };
  if (configuration.store.empty()) {
    options.repair_store = [file = outbound::store_file(configuration.state_dir)] {
      return store::repair_embedded_store(file);
    };
  }
  return options;
}

outbound::RecorderRules recorder_rules(const config::CollectorConfig& collector) {
  return {.limits = {.max_policies = collector.max_policies},
          .retention = std::chrono::days{collector.retention_days}};
}

// The changed settings that SIGHUP does not apply. They are logged.
std::vector<std::string_view> settings_for_restart(const config::TlsrptConfig& old,
                                                   const config::TlsrptConfig& now) {
  std::vector<std::string_view> changed = daemon::settings_for_restart(old.collector, now.collector);
  if (old.state_dir != now.state_dir) changed.emplace_back("state_dir");
  if (old.store != now.store) changed.emplace_back("store");
  return changed;
}

// The files and sockets that are opened before the daemon switches to its user.
struct Opened {
  std::unique_ptr<service::MetricsServer> metrics;
  daemon::PidFile pid_file;
  Socket socket;
};

Result<Opened> open_all(const config::TlsrptConfig& configuration, const std::optional<User>& user) {
  std::unique_ptr<service::MetricsServer> metrics;
  if (configuration.collector.metrics) {
    metrics = std::make_unique<service::MetricsServer>(
        *configuration.collector.metrics,
        service::SocketAccess{.mode = configuration.collector.metrics_mode,
                              .owner = user ? std::optional(user->uid) : std::nullopt,
                              .group = user ? std::optional(user->gid) : std::nullopt});
  }
  auto socket = Socket::open(configuration, user);
  if (!socket) return std::unexpected(socket.error());
  Opened opened{.metrics = std::move(metrics),
                .pid_file = daemon::PidFile(configuration.collector.pid_file),
                .socket = std::move(*socket)};
  TRY(opened.pid_file.write());
  if (user) TRY(daemon::switch_user(*user, configuration.state_dir));
  return opened;
}

// The daemon from its start to its exit, in the main thread.
class RunningDaemon {
 public:
  RunningDaemon(const daemon::Options& options, Opened& opened, outbound::Recorder& recorder,
                UniqueFd signals)
      : options_(options),
        recorder_(recorder),
        configuration_(options.configuration),
        started_(options.clock()),
        signals_(loop_, std::move(signals), [this](int number) { on_signal(number); }),
        receiver_(loop_, opened.socket.descriptor(), tlsrpt::datagram_size_limit,
                  [this](std::span<const std::string_view> datagrams) { record(datagrams); }),
        metrics_(std::move(opened.metrics)) {
    if (metrics_) metrics_->start(loop_, [this] { return metrics_page(state()); });
  }

  Result<void> follow_log() {
    const std::string& log = configuration_.collector.mta_log;
    if (log.empty()) return {};
    const auto from = TRY(outbound::log_position(outbound::journal_directory(configuration_.state_dir)));
    auto follower = TRY(mtalog::follow(
        loop_, log, from, options_.clock,
        mtalog::OutboundCallbacks{.handshakes = [this](std::span<const mtalog::OutboundHandshake> found,
                                                       const session::LogPosition& at) { record(found, at); },
                                  .position =
                                      [this](const session::LogPosition& at) {
                                        record({}, at);
                                        warn_if_unclear();
                                      }}));
    follower_ = std::move(follower);
    return {};
  }

  // Until SIGTERM or SIGINT.
  void run() {
    log_info("{} receives on {}, records in {}", version(),
             printable(config::to_string(configuration_.collector.socket)),
             printable(configuration_.state_dir.string()));
    options_.ready();
    service::notify_ready();
    loop_.run();
    service::notify_stopping();
    const bool has_followed = follower_ != nullptr;
    follower_.reset();
    receiver_.drain();
    recorder_.stop();
    log_totals(has_followed);
  }

 private:
  void record(std::span<const std::string_view> datagrams) {
    results_.clear();
    const Time now = options_.clock();
    for (const std::string_view datagram : datagrams)
      results_.push_back({.received = now, .datagram = datagram});
    recorder_.record(results_);
  }

  void record(std::span<const mtalog::OutboundHandshake> handshakes, const session::LogPosition& at) {
    outbound::LoggedResults results{.read = options_.clock(), .position = at, .datagrams = {}};
    for (const mtalog::OutboundHandshake& handshake : handshakes)
      results.datagrams.push_back(tlsrpt::to_datagram(to_result(handshake)));
    log_handshakes_ += handshakes.size();
    recorder_.record(results);
  }

  // Once: a mail server that does not log TLS would look like one that sends no mail.
  void warn_if_unclear() {
    const std::uint64_t unclear = follower_ ? follower_->reading().unclear_lines : 0;
    if (unclear == 0 || log_handshakes_ > 0 || is_unclear_logged_) return;
    is_unclear_logged_ = true;
    log_warning(
        "'mta_log' ({}) has deliveries, but nothing about TLS, so they are not counted: Postfix needs "
        "smtp_tls_loglevel = 1, Sendmail a LogLevel of 9",
        printable(configuration_.collector.mta_log));
  }

  MetricsState state() const {
    return {.receiver = receiver_.counters(),
            .recorder = recorder_.counters(),
            .log = follower_ ? std::optional(follower_->reading()) : std::nullopt,
            .log_handshakes = log_handshakes_,
            .reloads = reloads_,
            .reloads_failed = reloads_failed_,
            .metrics_listen_failures = metrics_->failures(),
            .started = started_,
            .now = options_.clock()};
  }

  void log_totals(bool has_followed) const {
    const outbound::RecorderCounters counters = recorder_.counters();
    const std::string from_log =
        has_followed ? fmt::format(", {} in the log", counted(log_handshakes_, "handshake")) : "";
    log_info("stopped: {} received{}, {} folded, {} malformed, {} lost, {} waiting in the journal, {}",
             counted(receiver_.counters().datagrams, "datagram"), from_log, counters.folded.results,
             counters.folded.malformed, counters.journal.lost + counters.journal.held_back,
             counted(counters.waiting_bytes, "byte"), counted(counters.failures, "failure"));
  }

  void on_signal(int number) {
    if (number == SIGHUP) return reload();
    loop_.stop();
  }

  void reload() {
    service::notify_reloading();
    ++reloads_;
    if (auto applied = apply_configuration(); !applied) {
      ++reloads_failed_;
      log_error("{}; nothing was changed", applied.error().message);
    }
    service::notify_ready();
  }

  Result<void> apply_configuration() {
    const auto now = TRY(options_.reload_configuration());
    set_log_level(now.collector.log_level);
    recorder_.configure(recorder_rules(now.collector));
    log_info("the configuration was read again");
    const auto warnings = store::store_warnings(now);
    if (warnings != logged_warnings_) log_all(warnings);
    logged_warnings_ = warnings;
    const auto changed = settings_for_restart(configuration_, now);
    if (!changed.empty())
      log_warning("a restart is needed for what changed in: {}", fmt::join(changed, ", "));
    return {};
  }

  const daemon::Options& options_;
  outbound::Recorder& recorder_;
  const config::TlsrptConfig& configuration_;
  const Time started_;
  std::vector<std::string> logged_warnings_ = store::store_warnings(configuration_);
  std::uint64_t reloads_ = 0;
  std::uint64_t reloads_failed_ = 0;
  std::vector<outbound::ReceivedResult> results_;
  event::Loop loop_;
  service::Signals signals_;
  Receiver receiver_;
  std::uint64_t log_handshakes_ = 0;  // found in the log
  bool is_unclear_logged_ = false;
  std::unique_ptr<mtalog::Follower> follower_;
  std::unique_ptr<service::MetricsServer> metrics_;
};

}  // namespace

Result<void> run_daemon(const daemon::Options& options) {
  const config::TlsrptConfig& configuration = options.configuration;
  TRY(check_address(configuration.collector.socket));
  log_all(store::store_warnings(configuration));
  auto signals = TRY(service::Signals::block({SIGTERM, SIGINT, SIGHUP}));
  const auto user = TRY(daemon::user_of(daemon_table(configuration)));
  // Before the recorder's threads create files: the umask is shared by the whole process.
  auto opened = open_all(configuration, user);
  if (!opened) return std::unexpected(opened.error());
  outbound::Recorder recorder(recorder_options(configuration), options.clock);
  recorder.configure(recorder_rules(configuration.collector));
  TRY(recorder.start());
  RunningDaemon running(options, *opened, recorder, std::move(signals));
  // Datagrams are recorded even without the log.
  if (auto followed = running.follow_log(); !followed)
    log_error("{}; the results in 'mta_log' will be missing", followed.error().message);
  running.run();
  return {};
}

Result<void> check_startup(const config::TlsrptConfig& configuration) {
  TRY(check_address(configuration.collector.socket));
  log_all(store::store_warnings(configuration));
  const auto user = TRY(daemon::user_of(daemon_table(configuration)));
  TRY(daemon::socket_access(daemon_table(configuration), std::nullopt));
  return daemon::check_mta_log(daemon_table(configuration), user, "the results in it");
}

}  // namespace starttls::collector
