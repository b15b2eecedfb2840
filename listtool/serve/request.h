// A request of a mail server on a socketmap connection: a netstring with "MAP KEY" (socketmap_table(5);
// Sendmail's cf/README, "socket" maps).
//
//   26:QUERYwithTLSRPT sock1.test,
#pragma once

#include <cstddef>
#include <string_view>

namespace starttls::listtool::serve {

// The limit for "MAP KEY", in bytes. A domain name has at most 253.
inline constexpr std::size_t max_request_size = 1'000;
// The digits and the colon before the text, and the comma after it.
inline constexpr std::size_t request_overhead = 6;

// Views of the bytes that were read.
struct Request {
  std::string_view map;
  std::string_view key;
};

enum class Reading { complete, incomplete, malformed };

struct RequestReading {
  Reading state = Reading::incomplete;
  Request request;       // if it is complete
  std::size_t size = 0;  // its bytes, if it is complete
};

// Reads the request at the start of the bytes. Strict: no leading zeros, no blanks around the length, not
// more than max_request_size, the comma in its place, and a blank between map and key. If a peer sends
// anything else, it uses another protocol, and the rest cannot be read. Malformed bytes are detected at the
// first byte that proves it. Incomplete requests are never longer than max_request_size + request_overhead.
RequestReading read_request(std::string_view bytes);

}  // namespace starttls::listtool::serve
