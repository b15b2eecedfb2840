#include "doctor/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/counted.h"
#include "base/text.h"
#include "json/json_text.h"

namespace starttls::doctor {
namespace {

constexpr std::size_t level_width = 12;

std::size_t count(std::span<const Check> checks, Level level) {
  return static_cast<std::size_t>(std::ranges::count(checks, level, &Check::level));
}

std::string_view shown(Level level) {
  return level == Level::cannot_tell ? "cannot tell" : level_words.word(level);
}

void print_below(std::string& text, std::string_view heading, std::string_view content) {
  if (content.empty()) return;
  // A remedy may have lines of a configuration file.
  std::string indented;
  for (const char c : content) {
    indented += c;
    if (c == '\n') indented += std::string(level_width + 5, ' ');
  }
  text += fmt::format("{:{}}{:5}{}\n", "", level_width, heading, indented);
}

void print(std::string& text, const Check& check) {
  text += fmt::format("{:{}}{}: {} ({})\n", shown(check.level), level_width, printable(check.subject),
                      printable(check.seen), check.code);
  print_below(text, "why", check.why);
  print_below(text, "do", check.remedy);
}

std::string summary(std::span<const Check> checks) {
  return fmt::format("{}, {}, {} ok, {} cannot tell\n", counted(count(checks, Level::fault), "fault"),
                     counted(count(checks, Level::warning), "warning"), count(checks, Level::ok),
                     count(checks, Level::cannot_tell));
}

Check trouble_check(std::string_view code, Level level, std::string subject, Trouble trouble) {
  return {.code = std::string(code),
          .level = level,
          .subject = std::move(subject),
          .seen = std::move(trouble.seen),
          .why = std::move(trouble.why),
          .remedy = std::move(trouble.remedy)};
}

}  // namespace

Check ok(std::string_view code, std::string subject, std::string seen) {
  return trouble_check(code, Level::ok, std::move(subject),
                       {.seen = std::move(seen), .why = {}, .remedy = {}});
}

Check warning(std::string_view code, std::string subject, Trouble trouble) {
  return trouble_check(code, Level::warning, std::move(subject), std::move(trouble));
}

Check fault(std::string_view code, std::string subject, Trouble trouble) {
  return trouble_check(code, Level::fault, std::move(subject), std::move(trouble));
}

Check cannot_tell(std::string_view code, std::string subject, std::string seen, std::string why) {
  return trouble_check(code, Level::cannot_tell, std::move(subject),
                       {.seen = std::move(seen), .why = std::move(why), .remedy = {}});
}

void add(Checks& checks, Checks more) {
  std::ranges::move(more, std::back_inserter(checks));
}

std::string to_text(std::span<const Check> checks, bool only_trouble) {
  const bool all_ok = count(checks, Level::ok) == checks.size();
  if (only_trouble && all_ok) return "";
  std::string text;
  for (const Check& check : checks) {
    if (!only_trouble || check.level != Level::ok) print(text, check);
  }
  return text + summary(checks);
}

std::string to_json(std::span<const Check> checks) {
  json::JsonText json;
  json.object([&] {
    json.member("faults", count(checks, Level::fault));
    json.member("warnings", count(checks, Level::warning));
    json.array("checks", [&] {
      for (const Check& check : checks) {
        json.object([&] {
          json.member("code", check.code);
          json.member("level", level_words.word(check.level));
          json.member("subject", check.subject);
          json.member("seen", check.seen);
          json.member("why", check.why);
          json.member("remedy", check.remedy);
        });
      }
    });
  });
  return json.take();
}

int exit_status(std::span<const Check> checks) {
  return count(checks, Level::fault) + count(checks, Level::warning) > 0 ? 1 : 0;
}

}  // namespace starttls::doctor
