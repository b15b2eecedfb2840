#include "base/domain.h"

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <ranges>

#include "base/text.h"

namespace starttls {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_ldh(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

std::string_view fault_of_label(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > 63) return "has a label of more than 63 bytes";
  if (!std::ranges::all_of(label, is_ldh)) return "has a character that no host name may have";
  if (label.front() == '-' || label.back() == '-') return "has a label that begins or ends with a hyphen";
  return {};
}

// What is wrong with a lower-case ASCII name; empty where nothing is.
std::string_view fault_of(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > 253) return "is longer than 253 bytes";
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

Result<DomainName> DomainName::parse(std::string_view text) {
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
