#include "mtasts/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "base/txt_record.h"

namespace starttls::mtasts {
namespace {

constexpr std::string_view version = "v=STSv1";
constexpr std::size_t max_id_length = 32;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void judge_id(const TxtField& id, Findings& findings) {
  if (id.value.empty()) {
    findings.add(Severity::refused, id.value_position, id.name, "is empty");
    return;
  }
  if (id.value.size() > max_id_length) {
    findings.add(Severity::refused, id.value_position, id.name,
                 fmt::format("is longer than {} characters", max_id_length));
  }
  const auto wrong = std::ranges::find_if_not(id.value, is_alphanumeric);
  if (wrong == id.value.end()) return;
  Position position = id.value_position;
  position.column += static_cast<std::size_t>(wrong - id.value.begin());
  findings.add(Severity::refused, position, id.name,
               fmt::format("'{}' is not only letters and digits", printable(id.value, 100)));
}

Record read_record(std::span<const std::string> answer, std::size_t number, Findings& findings) {
  Record record;
  bool seen = false;
  for (const TxtField& field : parse_txt_fields(answer, number, Severity::refused, findings)) {
    if (field.name != "id") {
      ignore_field(field, "id", Severity::refused, findings);
    } else if (std::exchange(seen, true)) {
      findings.add(Severity::fault, field.position, field.name, "is there twice; the first counts");
    } else {
      judge_id(field, findings);
      record.id = field.value;
    }
  }
  // RFC 8461 section 3.1: the id is required.
  if (!seen) findings.add(Severity::refused, {.line = number + 1, .column = 1}, {}, "has no id");
  return record;
}

}  // namespace

bool is_record_id(std::string_view text) {
  return !text.empty() && text.size() <= max_id_length && std::ranges::all_of(text, is_alphanumeric);
}

RecordReading read_records(std::span<const std::string> answer) {
  return read_versioned_record<RecordReading>(answer, version, read_record);
}

}  // namespace starttls::mtasts
