// Whether a server accepts the compression of TLS (RFC 3749), which gives secrets away (CRIME). OpenSSL is
// built without it, so that its ClientHello is changed here, and the ServerHello is read here. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starttls::smtp {

enum class Compression : std::uint8_t { null = 0, deflate = 1 };

// The record of a ClientHello (RFC 5246 section 7.4.1.2) that offers no compression, with DEFLATE offered,
// too. Nothing for other bytes.
std::optional<std::string> with_compression(std::string_view record);

// What a server has sent so far, in answer to a ClientHello.
struct ServerHello {
  enum class State { incomplete, read, other };  // other: an alert, or no ServerHello in one record
  State state = State::incomplete;
  std::uint8_t compression = 0;
};
ServerHello read_server_hello(std::string_view bytes);

}  // namespace starttls::smtp
