#include "base/txt_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"

namespace starttls {
namespace {

constexpr std::string_view blanks = " \t";

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool begins_with(std::string_view text, std::string_view version) {
  if (!text.starts_with(version)) return false;
  const auto next = text.find_first_not_of(blanks, version.size());
  return next != std::string_view::npos && text[next] == ';';
}

// Whether the author seems to intend a record of this version, or of a later one.
bool resembles(std::string_view text, std::string_view version) {
  const auto first = text.find_first_not_of(" \t\"'\\");
  if (first == std::string_view::npos) return false;
  const std::string_view family = version.substr(0, version.find_last_not_of("0123456789"));
  return to_lower(text.substr(first, family.size())) == to_lower(family);
}

void tell_of_other(std::string_view text, std::string_view version, Position position, Findings& findings) {
  const std::string shown = printable(text, 40);
  if (resembles(text, version)) {
    findings.add(Severity::fault, position, {},
                 fmt::format("'{}' does not begin with exactly '{};' and does not count", shown, version));
  } else {
    findings.add(Severity::note, position, {},
                 fmt::format("'{}' is another record: it does not begin with '{};'", shown, version));
  }
}

bool is_extension_value(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) { return c > ' ' && c <= '~' && c != '='; });
}

// One piece between semicolons, without blanks at either end.
void add_field(std::string_view piece, Position position, Severity malformed, std::vector<TxtField>& fields,
               Findings& findings) {
  const auto equals = piece.find('=');
  const std::string_view name = piece.substr(0, equals);
  if (equals == std::string_view::npos || !is_field_name(name)) {
    findings.add(malformed, position, {},
                 fmt::format("'{}' is no field of the form 'name=value'", printable(piece, 100)));
    return;
  }
  fields.push_back({.name = name,
                    .value = piece.substr(equals + 1),
                    .position = position,
                    .value_position = {.line = position.line, .column = position.column + equals + 1}});
}

}  // namespace

bool is_field_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && is_alphanumeric(text.front()) &&
         std::ranges::all_of(text,
                             [](char c) { return is_alphanumeric(c) || c == '_' || c == '-' || c == '.'; });
}

std::vector<std::size_t> find_versioned_records(std::span<const std::string> answer, std::string_view version,
                                                Findings& findings) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const Position position{.line = i + 1, .column = 1};
    if (!begins_with(answer[i], version)) {
      tell_of_other(answer[i], version, position, findings);
      continue;
    }
    found.push_back(i);
    if (answer[i].size() > txt_size_limit) {
      findings.add(Severity::refused, position, {},
                   fmt::format("is longer than the {} bytes of a TXT record", txt_size_limit));
    }
  }
  if (found.empty()) {
    findings.add(Severity::refused, {}, {}, fmt::format("no record begins with '{};'", version));
  } else if (found.size() > 1) {
    findings.add(Severity::refused, {.line = found[1] + 1, .column = 1}, {},
                 fmt::format("{} begin with '{};': where there is more than one, none counts",
                             counted(found.size(), "record"), version));
  }
  return found;
}

std::vector<TxtField> parse_txt_fields(std::span<const std::string> answer, std::size_t record,
                                       Severity malformed, Findings& findings) {
  const std::string_view text = answer[record];
  std::vector<TxtField> fields;
  const auto position_of = [&](std::size_t offset) {
    return Position{.line = record + 1, .column = offset + 1};
  };
  for (std::size_t end = text.find(';'); end != std::string_view::npos;) {
    const std::size_t begin = end + 1;
    end = text.find(';', begin);
    const bool last = end == std::string_view::npos;
    const std::string_view piece = text.substr(begin, last ? end : end - begin);
    const auto first = piece.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
      if (!last) findings.add(Severity::fault, position_of(end), {}, "an empty field: one ';' is too many");
      continue;
    }
    const auto size = piece.find_last_not_of(blanks) + 1 - first;
    if (last && first + size < piece.size()) {
      findings.add(Severity::fault, position_of(begin + first + size), {}, "ends in blanks, after no ';'");
    }
    add_field(piece.substr(first, size), position_of(begin + first), malformed, fields, findings);
  }
  return fields;
}

void ignore_field(const TxtField& field, std::string_view known, Severity malformed, Findings& findings) {
  if (!is_extension_value(field.value)) {
    findings.add(malformed, field.value_position, field.name,
                 field.value.empty()
                     ? "has no value"
                     : fmt::format("'{}' is not visible ASCII without '='", printable(field.value, 100)));
  } else if (to_lower(field.name) == known) {
    findings.add(Severity::fault, field.position, field.name,
                 fmt::format("is ignored: '{}' is written in lower case", known));
  } else {
    findings.add(Severity::note, field.position, field.name, "is unknown and is ignored");
  }
}

}  // namespace starttls
