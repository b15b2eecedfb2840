// Results of TLS handshakes with other mail servers, as they are received and kept in the journal.
//
// Every source uses the form of Postfix' datagrams (tlsrpt/datagram.h): what Postfix sends, what "tlsrpt-collector
// record" sends for other programs, and what is read from a mail server's log. It is kept as it came, and read when
// it is folded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/enum_words.h"
#include "base/result.h"
#include "session/failure.h"

namespace starttls::outbound {

enum class Source { datagram, log };
inline constexpr auto source_words =
    enum_words<Source>({{Source::datagram, "datagram"}, {Source::log, "log"}});

// A datagram that was received.
struct ReceivedResult {
  Time received;              // the day on which it counts
  std::string_view datagram;  // not empty
};

// What one line of the mail server's log ended, and up to where the log was read then (mtalog/follower.h). In one record,
// so that neither is kept without the other.
struct LoggedResults {
  Time read;                           // the day on which they count
  session::LogPosition position;       // without text: that of a later record counts
  std::vector<std::string> datagrams;  // without newlines, and not empty; there may be none

  bool operator==(const LoggedResults&) const = default;
};

// A payload of the journal:
//
//     TIME datagram DATAGRAM
//     TIME log NUMBER SIZE POSITION[newline DATAGRAM]...
//
// TIME: milliseconds since 1970, UTC. NUMBER and POSITION: the position in the log; SIZE: bytes of POSITION.
std::string encode(const ReceivedResult& result);
std::string encode(const LoggedResults& results);
inline constexpr std::size_t max_encoding_overhead = 64;  // bytes beyond those of the datagram

// The same in as few payloads as fit into records of the journal, mostly one. Only the last one has the position: what is
// read again, because a power failure cost the last one, counts twice; nothing is lost. Datagrams that are too large are
// dropped.
std::vector<std::string> encode_in_parts(const LoggedResults& results);

// A received result has views into the payload.
using Record = std::variant<ReceivedResult, LoggedResults>;

// Fault::data where the text is not what encode() writes.
Result<Record> decode(std::string_view payload);

// In the log; none where the record has none.
std::optional<session::LogPosition> position_of(const Record& record);

}  // namespace starttls::outbound
