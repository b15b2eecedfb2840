#include "base/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace starttls {

std::string to_text(const Finding& finding) {
  return fmt::format("{}:{}: {}{}{}", finding.place.line, finding.place.column, finding.entry,
                     finding.entry.empty() ? "" : ": ", finding.message);
}

std::size_t faults(std::span<const Finding> findings) {
  return static_cast<std::size_t>(std::ranges::count(findings, Severity::dropped, &Finding::severity));
}

const Finding* refusal(std::span<const Finding> findings) {
  const auto found = std::ranges::find(findings, Severity::refused, &Finding::severity);
  return found == findings.end() ? nullptr : &*found;
}

void Findings::add(Severity severity, Place place, std::string_view entry, std::string message) {
  const bool first_refusal = severity == Severity::refused && !refused_;
  refused_ = refused_ || first_refusal;
  if (told_.size() >= limit_ && !first_refusal) {
    ++untold_;
    return;
  }
  told_.push_back(
      {.severity = severity, .place = place, .entry = printable(entry, 300), .message = std::move(message)});
}

std::vector<Finding> Findings::take() && {
  std::ranges::stable_sort(told_, {}, &Finding::place);
  return std::move(told_);
}

}  // namespace starttls
