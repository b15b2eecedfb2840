#include "listtool/check_report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/console.h"
#include "base/counted.h"
#include "base/try.h"
#include "json/json_text.h"

namespace starttls::listtool {
namespace {

// What is around the objects of the domains, which are written on their own, as JsonText would write all at once.
constexpr const char* json_head = "{\n  \"domains\": [\n    ";
constexpr const char* json_separator = ",\n    ";
constexpr const char* json_tail = "\n  ]\n}\n";
constexpr const char* json_of_none = "{\n  \"domains\": []\n}\n";

// In JSON, a newline is always one between values.
std::string indented(std::string_view json) {
  std::string text;
  for (const char c : json) {
    text += c;
    if (c == '\n') text += "    ";
  }
  return text;
}

}  // namespace

CheckReport::CheckReport(CheckFormat format, CheckStyle style, std::size_t domains)
    : format_(format), style_(style) {
  style_.show_own_network = domains == 1;
}

void CheckReport::count(examination::Level level) {
  if (examination::badness(worst_) < examination::badness(level)) worst_ = level;
}

std::string CheckReport::render(const Examined& examined, const CheckChanges& changes) {
  std::string all = render(examined);
  if (changes.is_empty()) return {};
  return format_ == CheckFormat::json ? all : to_text(examined, changes, style_);
}

std::string CheckReport::render(const Examined& examined) {
  count(examination::worst(examined.findings));
  if (format_ == CheckFormat::json) {
    json::JsonText one;
    to_json(one, examined);
    return one.take_part();
  }
  if (!style_.show_own_network) collect_own_network(examined);
  return to_text(examined, style_);
}

void CheckReport::collect_own_network(const Examined& examined) {
  for (const examination::Finding& finding : examined.findings) {
    if (finding.code != examination::Code::smtp_own_network) continue;
    const auto [found, is_new] = own_network_.try_emplace(finding.seen);
    if (is_new) found->second.finding = finding;
    ++found->second.domains;
  }
}

Result<void> CheckReport::add(const std::string& rendered) {
  if (rendered.empty()) return {};
  const bool is_first = std::exchange(is_first_, false);
  if (format_ == CheckFormat::json)
    return print((is_first ? json_head : json_separator) + indented(rendered));
  return print((is_first ? "" : "\n") + rendered);
}

Result<void> CheckReport::finish() {
  if (format_ == CheckFormat::json) return print(is_first_ ? json_of_none : json_tail);
  for (const auto& [seen, own] : own_network_)
    TRY(print("\n" + to_text(own.finding, counted(own.domains, "domain"), style_)));
  return {};
}

int CheckReport::exit_status() const {
  return examination::exit_status(worst_);
}

}  // namespace starttls::listtool
