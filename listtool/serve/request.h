// What a mail server asks over a socketmap connection: a netstring that holds "MAP KEY" (socketmap_table(5);
// Sendmail's cf/README, "socket" maps).
//
//   26:QUERYwithTLSRPT sock1.test,
#pragma once

#include <cstddef>
#include <string_view>

namespace starttls::listtool::serve {

// Of "MAP KEY", in bytes. A domain name has 253 at most.
inline constexpr std::size_t max_request_size = 1'000;
// Of the digits and the colon before it, and the comma after it.
inline constexpr std::size_t request_overhead = 6;

// Views of the bytes that were read.
struct Request {
  std::string_view map;
  std::string_view key;
};

enum class Reading { complete, incomplete, malformed };

struct RequestReading {
  Reading state = Reading::incomplete;
  Request request;       // where it is complete
  std::size_t size = 0;  // how many bytes it takes, where it is complete
};

// The request at the front of the bytes. Strict: no leading zeros, no blanks around the length, nothing over
// max_request_size, the comma where it belongs, and a blank between map and key. A peer that sends anything
// else speaks another protocol, and what follows has no meaning. Malformed bytes are recognized at the first
// byte that proves it; incomplete ones are never more than max_request_size + request_overhead.
RequestReading read_request(std::string_view bytes);

}  // namespace starttls::listtool::serve
