// Checks that apply to the findings of every text.
#pragma once

#include <algorithm>
#include <vector>

#include "base/finding.h"
#include "base/text.h"
#include "fuzz.h"

namespace starttls::fuzz {

// They are printable and in order, and contain a refusal if and only if nothing was read from the text.
inline void require_sound(const std::vector<Finding>& findings, bool readable) {
  for (const Finding& finding : findings) {
    const std::string text = to_string(finding);
    require(text.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(text));
    require(finding.position.line >= 1 && finding.position.column >= 1);
  }
  require(std::ranges::is_sorted(findings, {}, &Finding::position));
  require(findings.size() <= Findings::max_size + 1);
  require(readable == (refusal(findings) == nullptr));
}

// A resolver's answer: each line is a record, whatever else it contains.
inline std::vector<std::string> answer_of(std::string_view text) {
  std::vector<std::string> answer;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    answer.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return answer;
}

}  // namespace starttls::fuzz
