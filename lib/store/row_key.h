// A short key of a row, for a database where long keys make indexes slow.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace starttls::store {

// 128 bits of SHA-256 over the texts. Different lists of texts have different digests.
using RowDigest = std::array<unsigned char, 16>;
RowDigest row_digest(std::span<const std::string_view> texts);

// The digest as a UUID's text, in whose order digests are, too.
std::string to_row_key(const RowDigest& digest);

inline std::string row_key(std::span<const std::string_view> texts) {
  return to_row_key(row_digest(texts));
}
inline std::string row_key(std::initializer_list<std::string_view> texts) {
  return row_key(std::span(texts.begin(), texts.size()));
}

}  // namespace starttls::store
