// What the milter counts, to be shown (metrics.h). Written and read by any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "session/session.h"

namespace starttls::milter {

// Why a session is not recorded.
enum class ExclusionReason { local_network, daemon, authenticated };
inline constexpr std::size_t excluded_reasons = 3;
inline constexpr std::array<std::string_view, excluded_reasons> excluded_words{"local-network", "daemon",
                                                                               "authenticated"};

// Of Session::tls_version; the last stands for every other.
inline constexpr std::array<std::string_view, 5> tls_versions{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3",
                                                              "other"};

inline constexpr std::array<session::Outcome, 4> seen_outcomes{
    session::Outcome::tls, session::Outcome::plaintext, session::Outcome::no_mail, session::Outcome::no_helo};

struct Counters {
  using Counter = std::atomic<std::uint64_t>;

  std::array<Counter, seen_outcomes.size()> sessions{};  // by outcome, as the MTA told of them
  std::array<Counter, tls_versions.size()> tls_sessions{};
  std::array<Counter, excluded_reasons> excluded{};
  Counter messages = 0;               // accepted
  Counter refused_plaintext = 0;      // recipients, of senders known for TLS
  Counter log_failures = 0;           // handshakes that it told of
  Counter log_failures_excluded = 0;  // of these, those that are none of ours by the line itself
  Counter reloads = 0;
  Counter reloads_failed = 0;

  void count(const session::Session& session);
  std::uint64_t recorded() const;  // sessions, of every outcome
  void count(ExclusionReason reason) { ++excluded[static_cast<std::size_t>(reason)]; }
};

}  // namespace starttls::milter
