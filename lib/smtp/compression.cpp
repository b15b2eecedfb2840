#include "smtp/compression.h"

#include <cstddef>

namespace starttls::smtp {
namespace {

// RFC 5246 section 6.2.1 and 7.4.
constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello = 1;
constexpr std::uint8_t server_hello = 2;
constexpr std::size_t record_header_size = 5;     // type, version, length of two bytes
constexpr std::size_t handshake_header_size = 4;  // type, length of three bytes
constexpr std::size_t version_and_random_size = 34;

// Numbers and positions in bytes. Once something is missing, everything is.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8U | (at_ + i < bytes_.size() ? static_cast<unsigned char>(bytes_[at_ + i]) : 0);
    }
    skip(size);
    return value;
  }
  void skip(std::size_t size) {
    is_sound_ = is_sound_ && size <= bytes_.size() - at_;
    if (is_sound_) at_ += size;
  }
  std::size_t position() const { return at_; }
  bool is_sound() const { return is_sound_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool is_sound_ = true;
};

// Adds one to a number of `size` bytes in network order.
void increment(std::string& bytes, std::size_t at, std::size_t size) {
  for (std::size_t i = at + size; i-- > at;) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) + 1U);
    if (bytes[i] != 0) return;
  }
}

}  // namespace

std::optional<std::string> with_compression(std::string_view record) {
  Cursor cursor(record);
  const bool is_handshake = cursor.number(1) == handshake_record;
  cursor.skip(2);
  const std::size_t record_size = cursor.number(2);
  const bool is_hello = cursor.number(1) == client_hello;
  const std::size_t hello_size = cursor.number(3);
  cursor.skip(version_and_random_size);
  cursor.skip(cursor.number(1));  // session
  cursor.skip(cursor.number(2));  // cipher suites
  const std::size_t methods = cursor.position();
  const bool offers_none = cursor.number(1) == 1 && cursor.number(1) == 0;
  const bool is_whole = record_header_size + record_size == record.size() &&
                        handshake_header_size + hello_size == record_size && record_size < 0xFFFF;
  if (!cursor.is_sound() || !is_handshake || !is_hello || !offers_none || !is_whole) return std::nullopt;
  std::string changed(record);
  changed.insert(methods + 1, 1, static_cast<char>(Compression::deflate));
  increment(changed, methods, 1);
  increment(changed, record_header_size + 1, 3);
  increment(changed, 3, 2);
  return changed;
}

ServerHello read_server_hello(std::string_view bytes) {
  using State = ServerHello::State;
  if (bytes.empty()) return {};
  Cursor cursor(bytes);
  if (cursor.number(1) != handshake_record) return {.state = State::other};
  cursor.skip(2);
  const std::size_t record_size = cursor.number(2);
  if (!cursor.is_sound() || bytes.size() < record_header_size + record_size) return {};
  Cursor hello(bytes.substr(record_header_size, record_size));
  const bool is_hello = hello.number(1) == server_hello;
  hello.skip(3 + version_and_random_size);
  hello.skip(hello.number(1));  // session
  hello.skip(2);                // cipher suite
  const std::size_t method = hello.number(1);
  if (!hello.is_sound() || !is_hello) return {.state = State::other};
  return {.state = State::read, .compression = static_cast<std::uint8_t>(method)};
}

}  // namespace starttls::smtp
