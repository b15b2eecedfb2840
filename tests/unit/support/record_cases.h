// Cases for parsers of TXT records: the answer of the DNS, what is in force then, and the findings of the
// parser.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/finding.h"
#include "support.h"

namespace starttls::test {

struct RecordCase {
  std::string why;
  std::vector<std::string> answer;  // the texts of the TXT records
  std::string in_force;             // as the test shows the record; "": none
  std::string findings;             // "note 1:10: ...\n" for each
};

// "note", "fault" or "refused", the place and the text, one on each line.
template <class Findings>
std::string shown(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const char* word = finding.severity == Severity::note    ? "note"
                       : finding.severity == Severity::fault ? "fault"
                                                             : "refused";
    text += fmt::format("{} {}\n", word, to_string(finding));
  }
  return text;
}

// `read` makes a reading of an answer, and `in_force` a text of the record in the reading.
void check_records(const std::vector<RecordCase>& cases, const auto& read, const auto& in_force) {
  for (const RecordCase& one : cases) {
    CAPTURE(one.why, one.answer);
    const auto reading = read(one.answer);
    CHECK(in_force(reading) == one.in_force);
    CHECK(shown(reading.findings) == one.findings);
  }
}

}  // namespace starttls::test
