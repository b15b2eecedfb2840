#include "base/domain.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <ranges>

#include "base/text.h"

namespace starttls {
namespace {

// RFC 1035 section 2.3.4, without the dot at the end.
constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A table, for those who have millions of names.
constexpr auto ldh = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  }
  return table;
}();

bool is_ldh(char c) {
  return ldh[static_cast<unsigned char>(c)];
}

std::string_view fault_of_label(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > longest_label) return "has a label of more than 63 bytes";
  if (!std::ranges::all_of(label, is_ldh)) return "has a character that no host name may have";
  if (label.front() == '-' || label.back() == '-') return "has a label that begins or ends with a hyphen";
  return {};
}

// Whether a label of a plain name is one, its letters being letters that a label may have.
bool is_plain_label(std::string_view label) {
  if (label.empty() || label.size() > longest_label || label.front() == '-' || label.back() == '-')
    return false;
  // With hyphens in the third and fourth place it is an A-label, or would be taken for one.
  return label.size() < 4 || label[2] != '-' || label[3] != '-';
}

// What is wrong with a lower-case ASCII name; empty where nothing is.
std::string_view fault_of(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > longest_name) return "is longer than 253 bytes";
  std::string_view last;
  for (const auto part : std::views::split(name, '.')) {
    last = std::string_view(part.begin(), part.end());
    if (const auto fault = fault_of_label(last); !fault.empty()) return fault;
  }
  if (std::ranges::all_of(last, is_digit)) return "is an address, not a name";
  return {};
}

// RFC 5891 section 5: U-labels to A-labels, and A-labels checked.
Result<std::string> to_a_labels(std::string_view text) {
  const std::string name(text);
  char* converted = nullptr;
  const int rc = idn2_to_ascii_8z(name.c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&idn2_free)> owner(converted, &idn2_free);
  if (rc != IDN2_OK) return fail(Fault::data, "'{}': {}", printable(text), idn2_strerror(rc));
  return to_lower(converted);
}

bool needs_idna(std::string_view name) {
  return name.find("xn--") != std::string_view::npos ||
         std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

bool DomainName::is_plain(std::string_view text) {
  if (text.size() > longest_name) return false;
  const char* const end = text.data() + text.size();
  const char* start = text.data();  // of the label
  for (const char* at = start; at != end; ++at) {
    if (is_ldh(*at)) continue;
    if (*at != '.' || !is_plain_label({start, at})) return false;
    start = at + 1;
  }
  const std::string_view last(start, end);
  return is_plain_label(last) && !std::ranges::all_of(last, is_digit);
}

Result<DomainName> DomainName::parse(std::string_view text) {
  if (is_plain(text)) return DomainName(std::string(text));
  std::string name = to_lower(text);
  if (name.ends_with('.')) name.pop_back();
  // A NUL would end the text early for libidn2; no name is that long, whatever its script.
  const bool sound = name.size() <= 1024 && name.find('\0') == std::string::npos;
  if (sound && needs_idna(name)) {
    auto converted = to_a_labels(name);
    if (!converted) return std::unexpected(converted.error());
    name = std::move(*converted);
  }
  if (const auto fault = fault_of(name); !fault.empty()) {
    return fail(Fault::data, "'{}' {}", printable(text, 300), fault);
  }
  return DomainName(std::move(name));
}

}  // namespace starttls
