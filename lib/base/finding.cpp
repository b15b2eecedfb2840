#include "base/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace starttls {

std::string to_string(const Finding& finding) {
  return fmt::format("{}:{}: {}{}{}", finding.position.line, finding.position.column, finding.entry,
                     finding.entry.empty() ? "" : ": ", finding.message);
}

std::size_t faults(std::span<const Finding> findings) {
  return static_cast<std::size_t>(std::ranges::count(findings, Severity::fault, &Finding::severity));
}

const Finding* refusal(std::span<const Finding> findings) {
  const auto found = std::ranges::find(findings, Severity::refused, &Finding::severity);
  return found == findings.end() ? nullptr : &*found;
}

void Findings::add(Severity severity, Position position, std::string_view entry, std::string message) {
  const bool first_refusal = severity == Severity::refused && !refused_;
  refused_ = refused_ || first_refusal;
  if (shown_.size() >= limit_ && !first_refusal) {
    ++suppressed_;
    return;
  }
  shown_.push_back({.severity = severity,
                    .position = position,
                    .entry = printable(entry, 300),
                    .message = std::move(message)});
}

std::vector<Finding> Findings::take() && {
  std::ranges::stable_sort(shown_, {}, &Finding::position);
  return std::move(shown_);
}

}  // namespace starttls
