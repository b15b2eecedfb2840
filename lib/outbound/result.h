// One result of a TLS handshake with another mail server, as it is received and kept in the journal.
//
// Every source uses the form of Postfix' datagrams (tlsrpt/datagram.h): what Postfix sends, what "tlsrpt-collector
// record" sends for other programs, and what is read from a mail server's log. It is kept as it came, and read when
// it is folded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/enum_words.h"
#include "base/result.h"

namespace starttls::outbound {

enum class Source { datagram, log };
inline constexpr auto source_words =
    enum_words<Source>({{Source::datagram, "datagram"}, {Source::log, "log"}});

struct ReceivedResult {
  Time received;  // the day on which it counts
  Source source = Source::datagram;
  std::string_view datagram;  // not empty
};

// The payload of a journal record: milliseconds since 1970 (UTC), the source and the datagram, with a blank
// between them.
std::string encode(const ReceivedResult& result);
inline constexpr std::size_t max_encoding_overhead = 64;  // bytes beyond those of the datagram

// Fault::data where the text is not what encode() writes. The result has views into it.
Result<ReceivedResult> decode(std::string_view payload);

}  // namespace starttls::outbound
