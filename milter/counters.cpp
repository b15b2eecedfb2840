#include "milter/counters.h"

#include <algorithm>
#include <numeric>

namespace starttls::milter {

void Counters::count(const session::Session& session) {
  const auto outcome = std::ranges::find(seen_outcomes, session_outcome(session));
  if (outcome != seen_outcomes.end()) ++sessions[static_cast<std::size_t>(outcome - seen_outcomes.begin())];
  messages += session.messages;
  if (session.tls_version.empty()) return;
  const auto version = std::find(tls_versions.begin(), tls_versions.end() - 1, session.tls_version);
  ++tls_sessions[static_cast<std::size_t>(version - tls_versions.begin())];
}

std::uint64_t Counters::recorded_sessions() const {
  return std::accumulate(sessions.begin(), sessions.end(), std::uint64_t{0});
}

std::uint64_t Counters::excluded_sessions() const {
  return std::accumulate(excluded.begin(), excluded.end(), std::uint64_t{0});
}

}  // namespace starttls::milter
