#include "listtool/lint.h"

#include <algorithm>
#include <string_view>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"

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

std::string to_string(const LintResult& result) {
  std::string text;
  for (const Finding& finding : result.findings) {
    text += fmt::format("{}:{}:{}: {}: {}{}{}\n", result.file, finding.position.line, finding.position.column,
                        word_for(finding.severity), finding.entry, finding.entry.empty() ? "" : ": ",
                        finding.message);
  }
  if (result.suppressed > 0) text += fmt::format("{}: and {} more\n", result.file, result.suppressed);
  return text;
}

void write_findings(json::JsonText& json, const LintResult& result) {
  json.key("findings");
  json.begin_array();
  for (const Finding& finding : result.findings) {
    json.begin_object();
    json.member("severity", word_for(finding.severity));
    json.member("line", finding.position.line);
    json.member("column", finding.position.column);
    json.member("entry", finding.entry);
    json.member("message", finding.message);
    json.end_object();
  }
  json.end_array();
  json.member("suppressed", result.suppressed);
}

std::string to_json(const LintResult& result) {
  json::JsonText json;
  json.begin_object();
  json.member("file", result.file);
  json.member("readable", result.readable);
  if (result.readable) result.to_json(json);
  write_findings(json, result);
  json.end_object();
  return json.take();
}

}  // namespace

std::string shown_file(const std::filesystem::path& file) {
  return file == "-" ? "standard input" : printable(file.string());
}

Result<int> report(const Context& context, const LintResult& result) {
  TRY(print(context.json ? to_json(result) : to_string(result)));
  if (!result.readable) return static_cast<int>(Fault::data);  // the reason was just printed
  const std::uint64_t count = faults(result.findings) + result.suppressed;
  if (!context.quiet) {
    const auto notes = std::ranges::count(result.findings, Severity::note, &Finding::severity);
    print_info(program,
               fmt::format("{}: {}; {}{}", result.file, result.summary, counted(count, "fault"),
                           notes == 0 ? "" : ", " + counted(static_cast<std::uint64_t>(notes), "note")));
  }
  return count == 0 ? 0 : 1;
}

}  // namespace starttls::listtool
