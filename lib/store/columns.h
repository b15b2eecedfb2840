// The values of a store in a row, of any database: a day is a number of days since 1970-01-01, a time a
// number of milliseconds since then, UTC. A Row has text(column), number(column) and is_null(column).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/try.h"
#include "session/failure.h"
#include "store/counts.h"
#include "store/senders.h"

namespace starttls::store {

inline std::int64_t to_number(Day day) {
  return day.time_since_epoch().count();
}

inline std::int64_t to_number(Time time) {
  return time.time_since_epoch().count();
}

inline std::int64_t to_number(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

template <class Row>
std::string text_in(const Row& row, int column) {
  return std::string(row.text(column));
}

template <class Row>
Day day_in(const Row& row, int column) {
  return Day{std::chrono::days{row.number(column)}};
}

template <class Row>
Time time_in(const Row& row, int column) {
  return Time{std::chrono::milliseconds{row.number(column)}};
}

template <class Row>
std::uint64_t count_in(const Row& row, int column) {
  return static_cast<std::uint64_t>(row.number(column));
}

template <class Row>
Tally tally_in(const Row& row, int column) {
  return {.sessions = count_in(row, column), .messages = count_in(row, column + 1)};
}

// receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits, client_certificate,
// failure, downgraded from `column` on. Fault::data for an unknown word.
template <class Row>
Result<SessionClass> class_in(const Row& row, Day day, int column) {
  return SessionClass{
      .day = day,
      .receiving_mx = text_in(row, column),
      .client_address = text_in(row, column + 1),
      .client_name = text_in(row, column + 2),
      .outcome = TRY(session::parse_outcome(row.text(column + 3))),
      .tls_version = text_in(row, column + 4),
      .cipher = text_in(row, column + 5),
      .cipher_bits = static_cast<std::uint32_t>(row.number(column + 6)),
      .client_certificate = TRY(session::parse_client_certificate(row.text(column + 7))),
      .failure = TRY(session::parse_handshake_failure(row.text(column + 8))),
      .downgraded = row.number(column + 9) != 0,
  };
}

// tls_sessions, last_tls, best_tls, last_downgrade from `column` on.
template <class Row>
Sender sender_in(const Row& row, int column) {
  Sender sender{.tls_sessions = count_in(row, column),
                .last_tls = time_in(row, column + 1),
                .best_tls = text_in(row, column + 2)};
  if (!row.is_null(column + 3)) sender.last_downgrade = day_in(row, column + 3);
  return sender;
}

// sender, day, sessions, first_plaintext, last_tls, best_tls, tls_sessions: a whole row.
template <class Row>
Downgrade downgrade_in(const Row& row) {
  return {.sender = text_in(row, 0),
          .day = day_in(row, 1),
          .sessions = count_in(row, 2),
          .first_plaintext = time_in(row, 3),
          .last_tls = time_in(row, 4),
          .best_tls = text_in(row, 5),
          .tls_sessions = count_in(row, 6)};
}

}  // namespace starttls::store
