// What the milter counts since its start, for the page with metrics (metrics.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/enum_words.h"
#include "session/session.h"

namespace starttls::milter {

// Why a session is not recorded.
enum class ExclusionReason { local_network, daemon, authenticated };
inline constexpr auto exclusion_words =
    enum_words<ExclusionReason>({{ExclusionReason::local_network, "local-network"},
                                 {ExclusionReason::daemon, "daemon"},
                                 {ExclusionReason::authenticated, "authenticated"}});
inline constexpr std::size_t exclusion_reasons = exclusion_words.words.size();

// Of Session::tls_version; the last means all others.
inline constexpr std::array<std::string_view, 5> tls_versions{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3",
                                                              "other"};

// The outcomes that a milter can see.
inline constexpr std::array<session::Outcome, 4> seen_outcomes{
    session::Outcome::tls, session::Outcome::plaintext, session::Outcome::no_mail, session::Outcome::no_helo};

struct Counters {
  std::array<std::uint64_t, seen_outcomes.size()> sessions{};  // recorded, by outcome
  std::array<std::uint64_t, tls_versions.size()> tls_sessions{};
  std::array<std::uint64_t, exclusion_reasons> excluded{};
  std::uint64_t messages = 0;               // accepted
  std::uint64_t refused_plaintext = 0;      // recipients, of senders known for TLS
  std::uint64_t log_failures = 0;           // failed handshakes in the mail server's log
  std::uint64_t log_failures_excluded = 0;  // of these, those that do not count by the line itself
  std::uint64_t reloads = 0;
  std::uint64_t reloads_failed = 0;

  void count(const session::Session& session);
  void count(ExclusionReason reason) { ++excluded[static_cast<std::size_t>(reason)]; }
  std::uint64_t recorded_sessions() const;
  std::uint64_t excluded_sessions() const;
};

}  // namespace starttls::milter
