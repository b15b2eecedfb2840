// starttls-listtool lint list: reports everything that is wrong with a list, in one run.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/counted.h"
#include "base/file.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/lint.h"
#include "preload/reader.h"
#include "publicsuffix/public_suffixes.h"

namespace starttls::listtool {
namespace {

// Lists are fetched at least every 48 hours. A list that is valid for less time may expire before the next
// edition is fetched.
constexpr std::chrono::hours min_remaining_validity{48};

struct Counts {
  std::array<std::size_t, 3> by_mode{};
  std::size_t of(preload::Mode mode) const { return by_mode[static_cast<std::size_t>(mode)]; }
};

Counts count(const preload::List& list) {
  Counts counts;
  for (std::size_t i = 0; i < list.size(); ++i) ++counts.by_mode[static_cast<std::size_t>(list.mode(i))];
  return counts;
}

// Adds the findings about times: those of a list that is otherwise correct.
void check_times(preload::Reading& reading, Time now) {
  const preload::List& list = *reading.list;
  const auto add = [&](Position position, std::string message) {
    reading.findings.push_back(
        {.severity = Severity::fault, .position = position, .entry = {}, .message = std::move(message)});
  };
  if (list.expires > now && list.expires <= now + min_remaining_validity) {
    add(reading.expires, fmt::format("it expires on {}, in less than {} hours", to_rfc3339(list.expires),
                                     min_remaining_validity.count()));
  } else if (const auto usable = preload::check_usable(list, now); !usable) {
    add(list.expires <= now ? reading.expires : reading.timestamp, usable.error().message);
  }
  std::ranges::stable_sort(reading.findings, {}, &Finding::position);
}

void to_json(json::JsonText& json, const preload::List& list) {
  const Counts counts = count(list);
  json.member("timestamp", to_rfc3339(list.timestamp));
  json.member("expires", to_rfc3339(list.expires));
  json.member("author", list.author);
  json.member("domains", list.size());
  for (const auto mode : {preload::Mode::enforce, preload::Mode::testing, preload::Mode::none}) {
    json.member(preload::to_string(mode), counts.of(mode));
  }
}

std::string summary(const preload::List& list) {
  const Counts counts = count(list);
  return fmt::format("{} can be used ({} enforce, {} testing, {} none), valid until {}",
                     counted(list.size(), "domain"), counts.of(preload::Mode::enforce),
                     counts.of(preload::Mode::testing), counts.of(preload::Mode::none),
                     to_rfc3339(list.expires));
}

std::optional<std::string> check_domain(const publicsuffix::PublicSuffixes& suffixes,
                                        std::string_view domain) {
  if (!suffixes.contains(std::string(domain))) return std::nullopt;
  return "is a public suffix, under which others register domains: the entry is for none of them";
}

std::optional<std::string> check_pattern(const publicsuffix::PublicSuffixes& suffixes,
                                         std::string_view pattern) {
  const bool is_suffix = pattern.starts_with('.');
  if (!suffixes.contains(std::string(pattern.substr(is_suffix ? 1 : 0)))) return std::nullopt;
  return is_suffix ? fmt::format(
                         "'{}' covers a whole public suffix: the hosts of everyone with a domain there match",
                         pattern)
                   : fmt::format("'{}' is a public suffix, under which others register domains, and no host",
                                 pattern);
}

// The format allows such names, so that generate accepts them, but they are nearly always mistakes.
preload::Checks checks_against(const publicsuffix::PublicSuffixes& suffixes) {
  return {.domain = [&suffixes](std::string_view name) { return check_domain(suffixes, name); },
          .pattern = [&suffixes](std::string_view name) { return check_pattern(suffixes, name); }};
}

void declare(Options& options, LintValues& values) {
  options.argument("FILE", values.file, "The list; '-' is standard input").required();
}

Result<int> run(const LintValues& values, const Context& context) {
  const std::string file = shown_file(values.file);
  const bool is_stdin = values.file == "-";
  UniqueFd opened;
  if (!is_stdin) opened = TRY(open_file(values.file, preload::list_size_limit, FileKind::any));
  const int fd = is_stdin ? STDIN_FILENO : opened.get();
  const auto suffixes = publicsuffix::PublicSuffixes::load();
  if (!suffixes) warn(context, suffixes.error().message + ": names are not compared with it");
  auto reading = preload::read_list(
      file, [&](std::span<char> into) { return read_some(fd, into, file); },
      suffixes ? checks_against(*suffixes) : preload::Checks{});
  if (reading.list) check_times(reading, context.now);
  return report(context, {.file = file,
                          .readable = reading.list.has_value(),
                          .findings = reading.findings,
                          .suppressed = reading.suppressed,
                          .to_json = [&](json::JsonText& text) { to_json(text, *reading.list); },
                          .summary = reading.list ? summary(*reading.list) : ""});
}

}  // namespace

Command lint_list_command() {
  return lint_command({.name = "lint list",
                       .summary = "Lint a preload list",
                       .example = "starttls-listtool lint list list.json"},
                      declare, run);
}

}  // namespace starttls::listtool
