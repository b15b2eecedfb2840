#include "milter/open_connections.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace starttls::milter {
namespace {

// The MTA's name until a connection shows the real one.
std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? to_lower(printable(name.data())) : std::string();
}

}  // namespace

OpenConnections::OpenConnections(store::Recorder& recorder, Guarded<Counters>& counters,
                                 RefusesPlaintext refuses_plaintext, Clock clock)
    : recorder_(recorder),
      counters_(counters),
      refuses_plaintext_(std::move(refuses_plaintext)),
      clock_(std::move(clock)),
      open_({.receiving_mx = host_name(), .entries = {}}) {}

void OpenConnections::configure(std::shared_ptr<const RecordingRules> rules) {
  rules_.set(std::move(rules));
}

OpenConnections::Opened OpenConnections::open(std::string_view receiving_mx, const Client& client,
                                              const Daemon& daemon) {
  auto rules_now = rules();
  const auto excluded = rules_now->excludes(client.address, daemon);
  if (excluded == ExclusionReason::local_network) {
    exclude(*excluded, "from " + rules_now->find_local_network(client.address), "local_networks");
    return {.excluded = true};
  }
  if (excluded) {
    exclude(*excluded,
            fmt::format("of daemon '{}', port {}", printable(daemon.name, 100), printable(daemon.port, 10)),
            "exclude_ports and exclude_daemons");
    // A failure of this session in the log must not be counted as another session.
    if (!rules_now->follows_log()) return {.excluded = true};
  }
  std::unique_ptr<Entry> entry(
      new Entry(std::string(client.address), {.connection = Connection(clock_(), receiving_mx, client),
                                              .rules = std::move(rules_now),
                                              .refuses_plaintext = std::nullopt,
                                              .is_excluded = excluded.has_value()}));
  const auto open = open_.lock();
  if (finished_) return {};
  if (open->receiving_mx != receiving_mx && !receiving_mx.empty())
    open->receiving_mx = to_lower(printable(receiving_mx, 255));
  open->entries.insert(entry.get());
  return {.entry = entry.release(), .excluded = excluded.has_value()};
}

bool OpenConnections::authenticated(Entry& entry) {
  const auto state = entry.state_.lock();
  if (!state->rules->excludes_authenticated()) return false;
  if (!std::exchange(state->is_excluded, true))
    exclude(ExclusionReason::authenticated, "with SMTP AUTH", "record_authenticated");
  return true;
}

bool OpenConnections::refuses_recipient(Entry& entry) {
  const auto state = entry.state_.lock();
  if (!refuses_plaintext_ || state->connection.is_encrypted()) return false;
  if (!state->refuses_plaintext)
    state->refuses_plaintext = refuses_plaintext_(state->connection.client_name());
  if (!*state->refuses_plaintext) return false;
  ++counters_.lock()->refused_plaintext;
  if (const auto silent = refusal_log_.permit(clock_())) {
    log_warning("{} came without TLS, for which it is known: refused for now ({} more were not logged)",
                printable(state->connection.client_name()), *silent);
  }
  return true;
}

void OpenConnections::close(Entry* entry) {
  record(*entry, false);
  open_.lock()->entries.erase(entry);
  delete entry;
}

void OpenConnections::record(const session::LoggedFailure& failure, const session::LogPosition& position) {
  ++counters_.lock()->log_failures;
  const auto rules_now = rules();
  if (const auto reason = rules_now->excludes(failure)) exclude(*reason, failure);
  const bool watched = is_watched(failure);
  const std::string receiving_mx = open_.lock()->receiving_mx;
  recorder_.record(rules_now->to_record(failure, position, receiving_mx, watched));
}

void OpenConnections::record(const session::LogPosition& position) {
  recorder_.record(store::LogEvent{.position = position});
}

void OpenConnections::finish() {
  const auto open = open_.lock();
  finished_ = true;
  for (Entry* entry : open->entries) record(*entry, true);
}

void OpenConnections::record(Entry& entry, bool still_open) {
  const auto state = entry.state_.lock();
  if (std::exchange(state->is_recorded, true)) return;
  // Later steps of the connection are not recorded.
  session::Session session = std::move(state->connection).ended(clock_());
  session.still_open = still_open;
  if (!state->is_excluded) counters_.lock()->count(session);
  if (const auto written = state->rules->to_record(std::move(session), state->is_excluded))
    recorder_.record(*written);
}

// Whether we were running during the whole session. Then we have seen each session of a service that we
// watch. A session that is still open here may end later.
bool OpenConnections::is_watched(const session::LoggedFailure& failure) const {
  if (!failure.begin || *failure.begin < started_) return false;
  const auto open = open_.lock();
  return std::ranges::none_of(
      open->entries, [&](const Entry* entry) { return entry->client_address_ == failure.client_address; });
}

void OpenConnections::exclude(FailureExclusion reason, const session::LoggedFailure& failure) {
  ++counters_.lock()->log_failures_excluded;
  if (reason != FailureExclusion::implicit_tls || is_implicit_tls_logged_.test_and_set()) return;
  log_info(
      "failed handshakes at '{}', where TLS begins at once, are not counted: such ports are for submission; "
      "see "
      "'mta_log_services' in tlsrpt.toml(5)",
      printable(failure.service));
}

// Logs this, so that the operator learns why nothing is recorded.
void OpenConnections::exclude(ExclusionReason reason, const std::string& example, std::string_view setting) {
  counters_.lock()->count(reason);
  if (is_logged_[static_cast<std::size_t>(reason)].test_and_set()) return;
  log_info("sessions {} are not recorded; see '{}' in tlsrpt.toml(5)", example, setting);
}

}  // namespace starttls::milter
