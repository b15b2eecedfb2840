#include "preload/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace starttls::preload {

std::string to_text(const Finding& finding) {
  return fmt::format("{}:{}: {}{}{}", finding.place.line, finding.place.column, finding.entry,
                     finding.entry.empty() ? "" : ": ", finding.message);
}

void Findings::add(Severity severity, std::size_t offset, std::string_view entry, std::string message) {
  // Why the whole list is refused is told in any case.
  const bool first_refusal = severity == Severity::refused && !refused_;
  if (raw_.size() >= most_findings && !first_refusal) {
    ++untold_;
    return;
  }
  refused_ = refused_ || first_refusal;
  raw_.push_back({.offset = offset,
                  .finding = {.severity = severity,
                              .place = {},
                              .entry = printable(entry, 300),
                              .message = std::move(message)}});
}

std::vector<Finding> Findings::placed_in(std::string_view text) && {
  std::ranges::stable_sort(raw_, {}, &Raw::offset);
  std::vector<Finding> placed;
  placed.reserve(raw_.size());
  std::size_t line = 1;
  std::size_t line_start = 0;
  std::size_t counted = 0;  // up to here: so that each byte is looked at once, however long its line
  for (Raw& raw : raw_) {
    const std::size_t offset = std::min(raw.offset, text.size());
    for (; counted < offset; ++counted) {
      if (text[counted] != '\n') continue;
      ++line;
      line_start = counted + 1;
    }
    raw.finding.place = {.line = line, .column = offset - line_start + 1};
    placed.push_back(std::move(raw.finding));
  }
  return placed;
}

}  // namespace starttls::preload
