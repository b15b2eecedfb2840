#include "base/domain.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <ranges>

#include "base/ip_address.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

// RFC 1035 section 2.3.4, without the dot at the end.
constexpr std::size_t max_name_length = 253;
constexpr std::size_t max_label_length = 63;
constexpr std::size_t max_text_bytes = 1024;  // bytes of a name before its U-labels are converted

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A table is faster, which matters for millions of names.
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

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// As inet_aton(3) reads it: decimal, or hexadecimal after "0x". Lower-case.
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return label.find_first_not_of("0123456789abcdef", 2) == label.npos;
  return !label.empty() && std::ranges::all_of(label, is_digit);
}

std::string_view last_label(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

// "192.0.2.1:25" and "[2001:db8::1]:25" without the port.
std::string_view without_port(std::string_view text) {
  const auto colon = text.rfind(':');
  const bool is_port = colon != text.npos && colon > 0 && is_number(text.substr(colon + 1)) &&
                       (text[colon - 1] == ']' || text.find(':') == colon);
  return is_port ? text.substr(0, colon) : text;
}

// The part that looks like an IP address in a text of lower-case ASCII; empty if there is none.
std::string_view address_in(std::string_view text) {
  constexpr std::string_view is_address = "is an address, not a name";
  if (text.size() > max_name_length) return {};
  text = without_port(text);
  if (text.starts_with('[')) text.remove_prefix(1);
  if (text.ends_with(']')) text.remove_suffix(1);
  if (text.starts_with("ipv6:")) return is_address;
  text = text.substr(0, text.find('%'));  // the zone
  const bool has_colons = std::ranges::count(text, ':') > 1;
  if (has_colons && text.find_first_not_of("0123456789abcdef.:") == text.npos) return is_address;
  if (IpAddress::parse(text)) return is_address;
  if (is_number(last_label(text))) return "ends with a number, as an address does and no name";
  return {};
}

std::string_view fault_of_label(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > max_label_length) return "has a label of more than 63 bytes";
  if (!std::ranges::all_of(label, is_ldh)) return "has a character that no host name may have";
  if (label.front() == '-' || label.back() == '-') return "has a label that begins or ends with a hyphen";
  return {};
}

bool is_plain_label(std::string_view label) {
  return !label.empty() && label.size() <= max_label_length && label.front() != '-' && label.back() != '-';
}

// The error in a lower-case ASCII name without its trailing dot; empty if the name is valid.
std::string_view fault_of(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > max_name_length) return "is longer than 253 bytes";
  if (const auto fault = address_in(name); !fault.empty()) return fault;
  if (name.starts_with('[') && name.ends_with(']')) return "is in brackets, and a name is not";
  for (const auto part : std::views::split(name, '.')) {
    const auto fault = fault_of_label(std::string_view(part.begin(), part.end()));
    if (!fault.empty()) return fault;
  }
  return {};
}

// RFC 5891 section 5.
Result<std::string> to_a_label(const std::string& label) {
  char* converted = nullptr;
  const int rc = idn2_to_ascii_8z(label.c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&idn2_free)> owner(converted, &idn2_free);
  if (rc != IDN2_OK) {
    return fail(Fault::data, "'{}' cannot be converted to an A-label: {}", printable(label, 300),
                idn2_strerror(rc));
  }
  return to_lower(converted);
}

// The dots of other scripts (RFC 3490 section 3.1).
std::string with_ascii_dots(std::string name) {
  for (const std::string_view dot : {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"}) {
    for (auto at = name.find(dot); at != std::string::npos; at = name.find(dot, at + 1)) {
      name.replace(at, dot.size(), ".");
    }
  }
  return name;
}

// Converts each U-label to its A-label. Labels in ASCII do not change.
Result<std::string> to_a_labels(std::string name) {
  name = with_ascii_dots(std::move(name));
  std::string converted;
  for (const auto part : std::views::split(name, '.')) {
    std::string label(part.begin(), part.end());
    if (!is_ascii(label)) {
      label = TRY(to_a_label(label));
    }
    if (part.begin() != name.begin()) converted += '.';
    converted += label;
  }
  return converted;
}

// Returns lower-case ASCII without a trailing dot. The result may still be an invalid name.
Result<std::string> to_ascii(std::string_view text) {
  std::string name = to_lower(text);
  // libidn2 would take a NUL for the end of a label. No valid name is longer, in any script.
  const bool is_fit = name.size() <= max_text_bytes && name.find('\0') == std::string::npos;
  if (is_fit && !is_ascii(name)) {
    name = TRY(to_a_labels(std::move(name)));
  }
  if (name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace

bool DomainName::is_plain(std::string_view text) {
  if (text.size() > max_name_length) return false;
  const char* const end = text.data() + text.size();
  const char* start = text.data();  // of the label
  for (const char* at = start; at != end; ++at) {
    if (is_ldh(*at)) continue;
    if (*at != '.' || !is_plain_label({start, at})) return false;
    start = at + 1;
  }
  const std::string_view last(start, end);
  return is_plain_label(last) && !is_number(last);
}

Result<DomainName> DomainName::parse(std::string_view text) {
  if (is_plain(text)) return DomainName(std::string(text));
  if (text == ".") return fail(Fault::data, "'.' is the root of the DNS, not a name");
  auto name = TRY(to_ascii(text));
  if (const auto fault = fault_of(name); !fault.empty()) {
    return fail(Fault::data, "'{}' {}", printable(text, 300), fault);
  }
  return DomainName(std::move(name));
}

bool is_address_like(std::string_view text) {
  if (DomainName::is_plain(text)) return false;
  const auto name = to_ascii(text);
  return name && !address_in(*name).empty();
}

}  // namespace starttls
