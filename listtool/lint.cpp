// starttls-listtool lint list: everything that is wrong with a list, in one run.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/cli.h"
#include "base/file.h"
#include "base/text.h"
#include "listtool/json.h"
#include "listtool/options.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

using preload::Finding;
using preload::Severity;

// Fetched at least every 48 hours, a list that lasts no longer may be gone before the next one is there.
constexpr std::chrono::hours shortest_rest{48};

std::string_view word_for(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::dropped:
      return "fault";
    case Severity::refused:
      return "refused";
  }
  return "?";
}

struct Counts {
  std::array<std::size_t, 3> by_mode{};
  std::size_t of(preload::Mode mode) const { return by_mode[static_cast<std::size_t>(mode)]; }
};

Counts count(const preload::List& list) {
  Counts counts;
  for (std::size_t i = 0; i < list.size(); ++i) ++counts.by_mode[static_cast<std::size_t>(list[i].mode)];
  return counts;
}

// What the clock has to say about a list that is sound in itself.
void judge_times(preload::Reading& reading, Time now) {
  const preload::List& list = *reading.list;
  const auto say = [&](preload::Place place, std::string message) {
    reading.findings.push_back(
        {.severity = Severity::dropped, .place = place, .entry = {}, .message = std::move(message)});
  };
  if (list.expires > now && list.expires <= now + shortest_rest) {
    say(reading.expires, fmt::format("it expires on {}, in less than {} hours", to_rfc3339(list.expires),
                                     shortest_rest.count()));
  } else if (const auto usable = preload::usable_at(list, now); !usable) {
    say(list.expires <= now ? reading.expires : reading.timestamp, usable.error().message);
  }
  std::ranges::stable_sort(reading.findings, {}, [](const Finding& finding) {
    return std::pair(finding.place.line, finding.place.column);
  });
}

std::string as_text(const std::string& file, const preload::Reading& reading) {
  std::string text;
  for (const Finding& finding : reading.findings) {
    text += fmt::format("{}:{}:{}: {}: {}{}{}\n", file, finding.place.line, finding.place.column,
                        word_for(finding.severity), finding.entry, finding.entry.empty() ? "" : ": ",
                        finding.message);
  }
  if (reading.untold > 0) text += fmt::format("{}: and {} more\n", file, reading.untold);
  return text;
}

void write_findings(JsonText& json, const preload::Reading& reading) {
  json.key("findings");
  json.begin_array();
  for (const Finding& finding : reading.findings) {
    json.begin_object();
    json.member("severity", word_for(finding.severity));
    json.member("line", finding.place.line);
    json.member("column", finding.place.column);
    json.member("entry", finding.entry);
    json.member("message", finding.message);
    json.end_object();
  }
  json.end_array();
  json.member("untold", reading.untold);
}

std::string as_json(const std::string& file, const preload::Reading& reading) {
  JsonText json;
  json.begin_object();
  json.member("file", file);
  json.member("readable", reading.list.has_value());
  if (reading.list) {
    const Counts counts = count(*reading.list);
    json.member("timestamp", to_rfc3339(reading.list->timestamp));
    json.member("expires", to_rfc3339(reading.list->expires));
    json.member("author", reading.list->author);
    json.member("domains", reading.list->size());
    for (const auto mode : {preload::Mode::enforce, preload::Mode::testing, preload::Mode::none}) {
      json.member(preload::to_text(mode), counts.of(mode));
    }
  }
  write_findings(json, reading);
  json.end_object();
  return json.take();
}

void tell_sum(const Common& common, const std::string& file, const preload::Reading& reading) {
  if (common.quiet || !reading.list) return;
  const Counts counts = count(*reading.list);
  tell(program, fmt::format("{}: {} domains ({} enforce, {} testing, {} none), valid until {}, {} faults",
                            file, reading.list->size(), counts.of(preload::Mode::enforce),
                            counts.of(preload::Mode::testing), counts.of(preload::Mode::none),
                            to_rfc3339(reading.list->expires), reading.dropped() + reading.untold));
}

}  // namespace

Result<int> lint_list(const Common& common, const LintListOptions& options) {
  const bool is_stdin = options.file == "-";
  const std::string file = is_stdin ? "standard input" : printable(options.file.string());
  const auto opened = is_stdin ? UniqueFd() : open_file(options.file, preload::list_size_limit);
  if (!opened) return std::unexpected(opened.error());
  const int fd = is_stdin ? STDIN_FILENO : opened->get();
  auto reading = preload::read_list(file, [&](std::span<char> into) { return read_some(fd, into, file); });
  if (reading.list) judge_times(reading, common.now);
  const auto printed = print(common.json ? as_json(file, reading) : as_text(file, reading));
  if (!printed) return std::unexpected(printed.error());
  tell_sum(common, file, reading);
  if (!reading.list) return reading.list.error().exit_status();  // why was just told
  return reading.dropped() + reading.untold == 0 ? 0 : 1;
}

}  // namespace starttls::listtool
