// The encoding of keys and signatures: base64 of a fixed number of bytes. Internal to this component.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starttls::minisign {

using Bytes = std::span<const unsigned char>;

// Decodes exactly out.size() bytes of canonical base64 (RFC 4648 section 4: padded, no blanks, no stray
// bits at the end). False for any other text.
bool decode_base64(std::string_view text, std::span<unsigned char> out);

std::string encode_base64(Bytes bytes);

// Removes the first line from the text and returns it without LF or CRLF. Nothing where the text is empty.
std::optional<std::string_view> take_line(std::string_view& text);

// Moves the front of `bytes` to `field`.
template <std::size_t N>
void take_bytes(Bytes& bytes, std::array<unsigned char, N>& field) {
  for (std::size_t i = 0; i < N; ++i) field[i] = bytes[i];
  bytes = bytes.subspan(N);
}

}  // namespace starttls::minisign
