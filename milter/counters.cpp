#include "milter/counters.h"

#include <algorithm>

namespace starttls::milter {

void Counters::count(const session::Session& session) {
  constexpr auto relaxed = std::memory_order_relaxed;
  const auto outcome = std::ranges::find(seen_outcomes, session_outcome(session));
  if (outcome != seen_outcomes.end())
    sessions[static_cast<std::size_t>(outcome - seen_outcomes.begin())].fetch_add(1, relaxed);
  messages.fetch_add(session.messages, relaxed);
  if (session.tls_version.empty()) return;
  const auto known = std::find(tls_versions.begin(), tls_versions.end() - 1, session.tls_version);
  tls_sessions[static_cast<std::size_t>(known - tls_versions.begin())].fetch_add(1, relaxed);
}

std::uint64_t Counters::recorded() const {
  std::uint64_t sum = 0;
  for (const Counter& of_outcome : sessions) sum += of_outcome;
  return sum;
}

}  // namespace starttls::milter
