#include "listtool/check_report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/console.h"
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

CheckReport::CheckReport(CheckFormat format, CheckStyle style, std::size_t domains, PageOrigin origin)
    : format_(format), style_(style), page_{.origin = std::move(origin), .is_alone = domains == 1} {
  style_.show_own_network = domains == 1;
}

void CheckReport::count(examination::Level level) {
  if (examination::badness(worst_) < examination::badness(level)) worst_ = level;
}

void CheckReport::leave_out(examination::Level level) {
  count(level);
  ++page_.left_out;
}

void CheckReport::count(const Examined& examined) {
  count(examination::worst(examined.findings));
  if (format_ != CheckFormat::json && !style_.show_own_network) page_.own_network.add(examined.findings);
}

Rendered CheckReport::render(const Examined& examined, const checkdb::CheckChanges& changes) {
  count(examined);
  page_.only_changes = true;
  if (changes.is_empty()) {
    ++page_.unchanged;
    return {};
  }
  if (format_ == CheckFormat::text) return {.text = to_text(examined, changes, style_), .row = {}};
  return render_whole(examined, &changes);
}

Rendered CheckReport::render(const Examined& examined) {
  count(examined);
  return render_whole(examined, nullptr);
}

Rendered CheckReport::render_whole(const Examined& examined, const checkdb::CheckChanges* changes) {
  if (format_ == CheckFormat::text) return {.text = to_text(examined, style_), .row = {}};
  if (format_ == CheckFormat::html) {
    return {.text = domain_html(examined, changes, style_, page_.is_alone, page_.codes),
            .row = std::make_unique<PageRow>(page_row(examined))};
  }
  json::JsonText one;
  to_json(one, examined);
  return {.text = one.take_part(), .row = {}};
}

Result<void> CheckReport::add(Rendered rendered) {
  if (rendered.text.empty()) return {};
  if (rendered.row) return page_file_.add(std::move(*rendered.row), rendered.text);
  const bool is_first = std::exchange(is_first_, false);
  if (format_ == CheckFormat::json)
    return print((is_first ? json_head : json_separator) + indented(rendered.text));
  return print((is_first ? "" : "\n") + rendered.text);
}

Result<void> CheckReport::finish() {
  if (format_ == CheckFormat::html) return finish_page();
  if (format_ == CheckFormat::json) return print(is_first_ ? json_of_none : json_tail);
  return print(page_.own_network.to_text(style_));
}

Result<void> CheckReport::finish_page() {
  for (const auto& [seen, own] : page_.own_network.items())
    page_.codes.set(static_cast<std::size_t>(own.finding.code));
  return page_file_.print_page(std::move(page_));
}

int CheckReport::exit_status() const {
  return examination::exit_status(worst_);
}

}  // namespace starttls::listtool
