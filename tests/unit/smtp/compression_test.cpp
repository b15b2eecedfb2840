#include "smtp/compression.h"

#include "support.h"

using namespace starttls::smtp;
using namespace std::string_literals;
using State = ServerHello::State;

namespace {

std::string number(std::size_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = size; i-- > 0;) bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
  return bytes;
}

// A record with one message of the handshake.
std::string record(char type, const std::string& message) {
  const std::string handshake = type + number(message.size(), 3) + message;
  return "\x16\x03\x01"s + number(handshake.size(), 2) + handshake;
}

std::string client_hello(const std::string& methods, std::size_t extensions = 0) {
  const std::string suites(8, 's');
  return record(1, "\x03\x03"s + std::string(32, 'r') + "\x04"s + "sess" + number(suites.size(), 2) + suites +
                       methods + std::string(extensions, 'e'));
}

std::string server_hello(char method) {
  return record(2,
                "\x03\x03"s + std::string(32, 'r') + "\x04"s + "sess" + "\xC0\x2F" + method + "extensions");
}

}  // namespace

TEST_CASE("compression is added to a ClientHello, and all lengths fit") {
  // Also where a length changes in more than one byte.
  for (const std::size_t extensions : {0U, 10U, 149U, 153U, 199U, 200U, 455U}) {
    CAPTURE(extensions);
    CHECK(with_compression(client_hello("\x01\x00"s, extensions)) ==
          client_hello("\x02\x01\x00"s, extensions));
  }
}

TEST_CASE("other bytes than a whole ClientHello without compression stay as they are") {
  const std::string hello = client_hello("\x01\x00"s, 10);
  for (std::size_t size = 0; size < hello.size(); ++size)
    CHECK_FALSE(with_compression(hello.substr(0, size)));
  CHECK_FALSE(with_compression(hello + "x"));
  CHECK_FALSE(with_compression(client_hello("\x02\x01\x00"s)));
  CHECK_FALSE(with_compression(client_hello("\x00"s)));
  CHECK_FALSE(with_compression(server_hello(0)));
}

TEST_CASE("the choice of a server is read once its record is whole") {
  for (const char method : {'\0', '\1', '@'}) {
    const std::string hello = server_hello(method);
    for (std::size_t size = 0; size < hello.size(); ++size) {
      CHECK(read_server_hello(hello.substr(0, size)).state == State::incomplete);
    }
    for (const std::string& bytes : {hello, hello + "more"}) {
      const ServerHello read = read_server_hello(bytes);
      CHECK(read.state == State::read);
      CHECK(int{read.compression} == int{method});
    }
  }
}

TEST_CASE("an answer that is no ServerHello says nothing") {
  for (const std::string& bytes : {"\x15\x03\x03\x00\x02\x02\x46"s, "500 What?\r\n"s,
                                   client_hello("\x01\x00"s), record(2, "short"), "\x16\x03\x03\x00\x00"s}) {
    CHECK(read_server_hello(bytes).state == State::other);
  }
}
