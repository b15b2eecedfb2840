// The words of an enumeration, each written once: for to_string() and for reading them back.
//
//     constexpr auto words = enum_words<Outcome>({{Outcome::tls, "tls"}, {Outcome::no_mail, "no-mail"}});
//     std::string_view to_string(Outcome outcome) { return words.word(outcome); }
//     Result<Outcome> parse_outcome(std::string_view text) { return words.parse(text, "outcome"); }
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/text.h"

namespace starttls {

template <class Enum, std::size_t size>
struct EnumWords {
  std::array<std::pair<Enum, std::string_view>, size> words;

  // "" for a value without a word.
  constexpr std::string_view word(Enum value) const {
    for (const auto& [each, word] : words) {
      if (each == value) return word;
    }
    return {};
  }

  // Nothing where no value has that word.
  constexpr std::optional<Enum> find(std::string_view text) const {
    for (const auto& [value, word] : words) {
      if (word == text) return value;
    }
    return std::nullopt;
  }

  // Fault::data, with the word, which is a `kind` ("outcome"), and those that there are.
  Result<Enum> parse(std::string_view text, std::string_view kind, Fault fault = Fault::data) const {
    if (const auto value = find(text)) return *value;
    return fail(fault, "'{}' is not a valid {} ({})", printable(text, 100), kind, list());
  }

  // "tls, no-mail"
  std::string list() const {
    std::string all;
    for (const auto& [value, word] : words) {
      if (!all.empty()) all += ", ";
      all += word;
    }
    return all;
  }
};

template <class Enum, std::size_t size>
constexpr EnumWords<Enum, size> enum_words(const std::pair<Enum, std::string_view> (&words)[size]) {
  EnumWords<Enum, size> all{};
  for (std::size_t index = 0; index < size; ++index) all.words[index] = words[index];
  return all;
}

}  // namespace starttls
