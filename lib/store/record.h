// The records of the journal: sessions, and events of the MTA's log.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "session/failure.h"
#include "session/session.h"

namespace starttls::store {

// The MTA's log was read up to here, and may have had a failed handshake.
struct LogEvent {
  session::LogPosition position;  // after the failure
  std::optional<session::LoggedFailure> failure;
  // Whether the milter ran during the whole session: it would have seen a session of a service that it
  // watches.
  bool watched = false;
  // Whether the failure counts also where the milter saw no session (mta_log_services in tlsrpt.toml(5)).
  bool wanted = false;
  std::string address_pseudonym;  // as of Session::address_pseudonym
  std::string receiving_mx;       // our MX host, for a session that only the log saw

  bool operator==(const LogEvent&) const = default;
};

using Record = std::variant<session::Session, LogEvent>;

// One JSON object, whose first member is "log"; no session has that.
std::string encode(const LogEvent& event);

// Whether an encoded record is a session that is to be counted: no log event, and no excluded session that
// only waits for its failure.
bool is_counted_session(std::string_view encoded);

// Fault::data where the text is not what one of the encode() functions writes.
Result<Record> decode_record(std::string_view json);

}  // namespace starttls::store
