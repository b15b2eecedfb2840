#include "listtool/watch_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "base/counted.h"

namespace starttls::listtool {
namespace {

using checkdb::KnownDomain;
using examination::Level;

constexpr std::chrono::days max_unknown{7};  // until it is reported, once

// Whether something has been unknown for max_unknown, and was not yet last time.
bool is_unknown_for_long(const KnownDomain& before, const KnownDomain& now) {
  return now.unknown_since && now.examined - *now.unknown_since >= max_unknown &&
         before.examined - *now.unknown_since < max_unknown;
}

// "" where all of it is about this host.
std::string to_text(const Examined& examined, Time unknown_since, CheckStyle style) {
  std::string findings;
  for (const examination::Finding& finding : examined.findings) {
    if (finding.level == Level::cannot_tell && is_shown(finding, style))
      findings += '\n' + listtool::to_text(finding, to_string(finding.subject), style);
  }
  if (findings.empty()) return {};
  return fmt::format("{}: something cannot be found out since {}\n", examined.facts.domain.str(),
                     to_string(to_day(unknown_since))) +
         findings;
}

}  // namespace

WatchReport::WatchReport(CheckStyle style) : style_(style) {
  style_.show_own_network = false;
}

void WatchReport::add_entry(Kind kind, const Examined& examined, std::string text) {
  entries_.push_back({.kind = kind, .domain = examined.facts.domain, .text = std::move(text)});
}

KnownDomain WatchReport::add(const Examined& examined, const KnownDomain* before) {
  KnownDomain now = checkdb::known_after(before, examined.findings, examined.verdicts, examined.facts.now);
  is_unknown_ = is_unknown_ || now.unknown_since.has_value();
  if (before == nullptr) {
    is_worse_ = is_worse_ || worst(now) == Level::fault;
    add_entry(Kind::added, examined, listtool::to_text(examined, style_));
    own_network_.add(examined.findings);
    return now;
  }
  now = checkdb::keep_gone(*before, std::move(now));
  const checkdb::CheckChanges changes = compare(*before, now);
  is_worse_ = is_worse_ || !changes.worse.empty();
  if (!changes.is_empty()) {
    add_entry(changes.worse.empty() ? Kind::better : Kind::worse, examined,
              listtool::to_text(examined, changes, style_));
  }
  if (is_unknown_for_long(*before, now)) {
    add_entry(Kind::unknown, examined, to_text(examined, *now.unknown_since, style_));
    own_network_.add(examined.findings);
  }
  return now;
}

std::string WatchReport::summary() const {
  constexpr std::array words{std::pair(Kind::worse, "worse"), std::pair(Kind::added, "watched from now on"),
                             std::pair(Kind::unknown, "not found out"), std::pair(Kind::better, "better")};
  std::string text;
  for (const auto& [kind, word] : words) {
    const auto number = static_cast<std::size_t>(std::ranges::count(entries_, kind, &Entry::kind));
    if (number == 0) continue;
    text += text.empty() ? counted(number, "domain") : fmt::format(", {}", number);
    text += fmt::format(" {}", word);
  }
  return text;
}

std::string WatchReport::text() const {
  if (entries_.empty()) return {};
  std::vector<const Entry*> sorted;
  sorted.reserve(entries_.size());
  for (const Entry& entry : entries_) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const Entry* entry) { return std::tuple(entry->kind, entry->domain); });
  std::string text = summary() + '\n';
  for (const Entry* const entry : sorted) {
    if (!entry->text.empty()) text += '\n' + entry->text;
  }
  return text + own_network_.to_text(style_);
}

int WatchReport::exit_status() const {
  if (is_worse_) return examination::exit_status(Level::fault);
  return examination::exit_status(is_unknown_ ? Level::cannot_tell : Level::ok);
}

}  // namespace starttls::listtool
