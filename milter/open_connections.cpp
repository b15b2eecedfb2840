#include "milter/open_connections.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace starttls::milter {
namespace {

// Where no connection has told yet what the MTA calls itself.
std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? to_lower(printable(name.data())) : std::string();
}

}  // namespace

OpenConnections::OpenConnections(store::Recorder& recorder, Counters& counters,
                                 RefusesPlaintext refuses_plaintext, Clock clock)
    : recorder_(recorder),
      counters_(counters),
      refuses_plaintext_(std::move(refuses_plaintext)),
      clock_(std::move(clock)),
      receiving_mx_(host_name()) {}

void OpenConnections::configure(std::shared_ptr<const RecordingRules> rules) {
  const std::lock_guard guard(rules_mutex_);
  rules_ = std::move(rules);
}

std::shared_ptr<const RecordingRules> OpenConnections::rules() const {
  const std::lock_guard guard(rules_mutex_);
  return rules_;
}

std::size_t OpenConnections::size() {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

OpenConnections::Opened OpenConnections::open(std::string_view receiving_mx, const Client& client,
                                              const Daemon& daemon) {
  auto in_force = rules();
  const auto excluded = in_force->excludes(client.address, daemon);
  if (excluded == ExclusionReason::local_network) {
    exclude(*excluded, "from " + in_force->local_network_of(client.address), "local_networks");
    return {.excluded = true};
  }
  if (excluded) {
    exclude(*excluded,
            fmt::format("of daemon '{}', port {}", printable(daemon.name, 100), printable(daemon.port, 10)),
            "exclude_ports and exclude_daemons");
    // The log may tell of a failure that must not be taken for a session of its own.
    if (!in_force->follows_log()) return {.excluded = true};
  }
  std::unique_ptr<Entry> entry(new Entry(Connection(clock_(), receiving_mx, client),
                                         std::string(client.address), std::move(in_force)));
  entry->excluded_ = excluded.has_value();
  const std::lock_guard guard(mutex_);
  if (finished_) return {};
  if (receiving_mx_ != receiving_mx && !receiving_mx.empty())
    receiving_mx_ = to_lower(printable(receiving_mx, 255));
  entries_.insert(entry.get());
  return {.entry = entry.release(), .excluded = excluded.has_value()};
}

bool OpenConnections::authenticated(Entry& entry) {
  const std::lock_guard guard(entry.mutex_);
  if (!entry.rules_->excludes_authenticated()) return false;
  if (!std::exchange(entry.excluded_, true))
    exclude(ExclusionReason::authenticated, "with SMTP AUTH", "record_authenticated");
  return true;
}

bool OpenConnections::refuses_recipient(Entry& entry) {
  const std::lock_guard guard(entry.mutex_);
  if (!refuses_plaintext_ || entry.connection_.is_encrypted()) return false;
  if (!entry.refused_) entry.refused_ = refuses_plaintext_(entry.connection_.client_name());
  if (!*entry.refused_) return false;
  ++counters_.refused_plaintext;
  if (const auto silent = refusal_log_.permit(clock_())) {
    log_warning(
        "{} came without TLS, for which it is known: refused for now ({} more since the last such line)",
        printable(entry.connection_.client_name()), *silent);
  }
  return true;
}

void OpenConnections::close(Entry* entry) {
  record(*entry, false);
  {
    const std::lock_guard guard(mutex_);
    entries_.erase(entry);
  }
  delete entry;
}

void OpenConnections::record(const session::LoggedFailure& failure, const session::LogPosition& position) {
  ++counters_.log_failures;
  const auto in_force = rules();
  if (const auto reason = in_force->excludes(failure)) exclude(*reason, failure);
  const bool watched = is_watched(failure);
  std::string receiving_mx;
  {
    const std::lock_guard guard(mutex_);
    receiving_mx = receiving_mx_;
  }
  recorder_.record(in_force->to_record(failure, position, receiving_mx, watched));
}

void OpenConnections::record(const session::LogPosition& position) {
  recorder_.record(store::LogEvent{.position = position});
}

void OpenConnections::finish() {
  const std::lock_guard guard(mutex_);
  finished_ = true;
  for (Entry* entry : entries_) record(*entry, true);
}

void OpenConnections::record(Entry& entry, bool still_open) {
  const std::lock_guard guard(entry.mutex_);
  if (std::exchange(entry.recorded_, true)) return;
  // What comes of the connection after this is nobody's concern.
  session::Session session = std::move(entry.connection_).ended(clock_());
  session.still_open = still_open;
  if (!entry.excluded_) counters_.count(session);
  if (const auto written = entry.rules_->to_record(std::move(session), entry.excluded_))
    recorder_.record(*written);
}

// Whether we ran during the whole session: then each session of a service that we watch was shown to us. Of
// one that is still open for us the end may yet be missed.
bool OpenConnections::is_watched(const session::LoggedFailure& failure) {
  if (!failure.begin || *failure.begin < started_) return false;
  const std::lock_guard guard(mutex_);
  return std::ranges::none_of(
      entries_, [&](const Entry* entry) { return entry->client_address_ == failure.client_address; });
}

void OpenConnections::exclude(FailureExclusion reason, const session::LoggedFailure& failure) {
  ++counters_.log_failures_excluded;
  if (reason != FailureExclusion::implicit_tls || told_of_implicit_tls_.test_and_set()) return;
  log_info(
      "handshakes that fail at '{}' where TLS begins at once, as the mail server logs, are not counted: such "
      "ports are for "
      "submission; see 'mta_log_services' in tlsrpt.toml(5)",
      printable(failure.service));
}

// Who wonders why nothing is recorded finds out.
void OpenConnections::exclude(ExclusionReason reason, const std::string& example, std::string_view advice) {
  counters_.count(reason);
  if (told_[static_cast<std::size_t>(reason)].test_and_set()) return;
  log_info("sessions {} are not recorded; see '{}' in tlsrpt.toml(5)", example, advice);
}

}  // namespace starttls::milter
