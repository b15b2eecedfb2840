#include "mail/fields.h"

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "mail/gmime.h"

namespace starttls::mail {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Removes the next line from the text. Returns it without its line end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The name of the field that begins on the line, in lower case; "" if no field begins there.
std::string name_on(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  // RFC 5322 section 4.5: blanks before the colon are obsolete, but allowed.
  return to_lower(trim(line.substr(0, colon)));
}

}  // namespace

std::vector<Field> parse_fields(std::string_view text, std::span<const std::string_view> names) {
  std::vector<Field> fields;
  bool is_wanted = false;  // whether the field of the last line is wanted
  while (!text.empty() && fields.size() <= max_fields) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {
      if (is_wanted) fields.back().value += line;
      continue;
    }
    std::string name = name_on(line);
    is_wanted = std::ranges::find(names, name) != names.end();
    if (!is_wanted) continue;
    fields.push_back({.name = std::move(name), .value = std::string(line.substr(line.find(':') + 1))});
  }
  if (fields.size() > max_fields) fields.pop_back();
  for (Field& field : fields) field.value = std::string(trim(field.value));
  return fields;
}

Result<std::vector<Field>> read_fields(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                                       std::span<const std::string_view> names) {
  const std::uint64_t last = std::min<std::uint64_t>(end, begin + max_fields_size);
  if (last <= source.head().size()) return parse_fields(source.head().substr(begin, last - begin), names);
  std::string text(last - begin, '\0');
  const auto size = TRY(read_full(source.bytes(begin, last), text));
  return parse_fields(std::string_view(text).substr(0, size), names);
}

std::optional<std::string> address_domain(const std::string& value) {
  init_gmime();
  const Owned<InternetAddressList> addresses(internet_address_list_parse(nullptr, value.c_str()));
  if (!addresses || internet_address_list_length(addresses.get()) != 1) return std::nullopt;
  InternetAddress* const address = internet_address_list_get_address(addresses.get(), 0);
  if (!INTERNET_ADDRESS_IS_MAILBOX(address)) return std::nullopt;
  const char* const text = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
  const std::string_view mailbox = text == nullptr ? "" : text;
  const auto at = mailbox.rfind('@');
  if (at == std::string_view::npos || at + 1 == mailbox.size()) return std::nullopt;
  return std::string(mailbox.substr(at + 1));
}

std::optional<std::string> find_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto end = std::min(list.find(';'), list.size());
    const std::string_view one = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const auto equals = one.find('=');
    if (equals == std::string_view::npos || trim(one.substr(0, equals)) != tag) continue;
    std::string value(one.substr(equals + 1));
    std::erase_if(value, is_blank);
    return value;
  }
  return std::nullopt;
}

}  // namespace starttls::mail
