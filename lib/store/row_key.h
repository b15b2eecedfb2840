// A short key of a row, for a database where long keys make indexes slow.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace starttls::store {

// 128 bits of SHA-256 over the texts, as a UUID's text. Different lists of texts have different keys.
std::string row_key(std::span<const std::string_view> texts);
inline std::string row_key(std::initializer_list<std::string_view> texts) {
  return row_key(std::span(texts.begin(), texts.size()));
}

}  // namespace starttls::store
