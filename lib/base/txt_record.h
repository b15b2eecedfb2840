// TXT records of the form "v=VERSION; name=value; ...", as MTA-STS (RFC 8461 section 3.1) and TLS reporting
// (RFC 8460 section 3) have them, in one grammar and with the same rules.
//
// In a position, the line is the record's number in the answer, from 1; the column is in the record's text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/finding.h"

namespace starttls {

// The longest RDATA (RFC 1035 section 3.2.1), and so the longest text of a record.
inline constexpr std::size_t txt_size_limit = 65535;  // bytes

struct TxtField {
  std::string_view name;
  std::string_view value;
  Position position;        // of the name
  Position value_position;  // of the value
};

// The numbers (from 0) of the records in a DNS answer, each with its strings joined, that begin with the
// version ("v=STSv1"), optional blanks and ";". Other records are ignored, with a note. Where there is not
// exactly one, the answer is refused.
std::vector<std::size_t> find_versioned_records(std::span<const std::string> answer, std::string_view version,
                                                Findings& findings);

// The record of that version in an answer. `read` reads the record of a number and adds its findings. An
// answer that is refused has none.
template <class Reading, class ReadRecord>
Reading read_versioned_record(std::span<const std::string> answer, std::string_view version,
                              ReadRecord read) {
  Findings findings;
  Reading reading;
  for (const std::size_t number : find_versioned_records(answer, version, findings)) {
    reading.record = read(answer, number, findings);
  }
  if (findings.refused()) reading.record.reset();
  reading.suppressed = findings.suppressed();
  reading.findings = std::move(findings).take();
  return reading;
}

// The fields of such a record after its version. Blanks around ";" are not part of them. A piece that is not
// "name=value", with a name as of is_field_name(), is ignored with a finding of the severity `malformed`. The
// caller checks the values. The fields are views of the record's text.
std::vector<TxtField> parse_txt_fields(std::span<const std::string> answer, std::size_t record,
                                       Severity malformed, Findings& findings);

// Adds a finding about a field that is not the `known` one, and so is ignored. The finding has the severity
// `malformed` where the value is not visible ASCII without "=" and ";", and is a fault where the name differs
// from the known one only by case.
void ignore_field(const TxtField& field, std::string_view known, Severity malformed, Findings& findings);

// Whether it is a letter or digit and up to 31 more of these, "_", "-" and ".": the name of a field, here and
// in an MTA-STS policy (RFC 8461 section 3.2).
bool is_field_name(std::string_view text);

}  // namespace starttls
