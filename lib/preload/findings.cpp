#include "preload/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace starttls::preload {

std::string to_text(const Finding& finding) {
  return fmt::format("{}:{}: {}{}{}", finding.place.line, finding.place.column, finding.entry,
                     finding.entry.empty() ? "" : ": ", finding.message);
}

void Findings::add(Severity severity, Place place, std::string_view entry, std::string message) {
  // Why the whole list is refused is told in any case.
  const bool first_refusal = severity == Severity::refused && !refused_;
  if (findings_.size() >= most_findings && !first_refusal) {
    ++untold_;
    return;
  }
  refused_ = refused_ || first_refusal;
  findings_.push_back(
      {.severity = severity, .place = place, .entry = printable(entry, 300), .message = std::move(message)});
}

std::vector<Finding> Findings::in_order() && {
  std::ranges::stable_sort(findings_, {}, &Finding::place);
  return std::move(findings_);
}

}  // namespace starttls::preload
