#include "listtool/lint.h"

#include <string_view>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"

namespace starttls::listtool {
namespace {

std::string_view word_for(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::fault:
      return "fault";
    case Severity::refused:
      return "refused";
  }
  return "?";
}

std::string as_text(const Linted& linted) {
  std::string text;
  for (const Finding& finding : linted.findings) {
    text += fmt::format("{}:{}:{}: {}: {}{}{}\n", linted.file, finding.position.line, finding.position.column,
                        word_for(finding.severity), finding.entry, finding.entry.empty() ? "" : ": ",
                        finding.message);
  }
  if (linted.suppressed > 0) text += fmt::format("{}: and {} more\n", linted.file, linted.suppressed);
  return text;
}

void write_findings(json::JsonText& json, const Linted& linted) {
  json.key("findings");
  json.begin_array();
  for (const Finding& finding : linted.findings) {
    json.begin_object();
    json.member("severity", word_for(finding.severity));
    json.member("line", finding.position.line);
    json.member("column", finding.position.column);
    json.member("entry", finding.entry);
    json.member("message", finding.message);
    json.end_object();
  }
  json.end_array();
  json.member("untold", linted.suppressed);
}

std::string as_json(const Linted& linted) {
  json::JsonText json;
  json.begin_object();
  json.member("file", linted.file);
  json.member("readable", linted.readable);
  if (linted.readable) linted.content(json);
  write_findings(json, linted);
  json.end_object();
  return json.take();
}

}  // namespace

std::string shown_file(const std::filesystem::path& file) {
  return file == "-" ? "standard input" : printable(file.string());
}

Result<int> answer(const Common& common, const Linted& linted) {
  const auto printed = print(common.json ? as_json(linted) : as_text(linted));
  if (!printed) return std::unexpected(printed.error());
  if (!linted.readable) return static_cast<int>(Fault::data);  // why was just told
  const std::uint64_t count = faults(linted.findings) + linted.suppressed;
  if (!common.quiet)
    print_info(program, fmt::format("{}: {}, {}", linted.file, linted.sum, counted(count, "fault")));
  return count == 0 ? 0 : 1;
}

}  // namespace starttls::listtool
