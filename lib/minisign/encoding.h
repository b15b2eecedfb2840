// The encoding of keys and signatures inside this room: base64 of a fixed number of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace starttls::minisign {

using Bytes = std::span<const unsigned char>;

// Exactly out.size() bytes in canonical base64 (RFC 4648 section 4: padded, no blanks, no stray bits at the
// end), or false.
bool decode_base64(std::string_view text, std::span<unsigned char> out);

// The first line, without its LF or CRLF, taken off the text; nothing where the text is empty.
std::optional<std::string_view> take_line(std::string_view& text);

// Copies the front of `bytes` into `field` and moves on.
template <std::size_t N>
void take_bytes(Bytes& bytes, std::array<unsigned char, N>& field) {
  for (std::size_t i = 0; i < N; ++i) field[i] = bytes[i];
  bytes = bytes.subspan(N);
}

}  // namespace starttls::minisign
