// starttls-listtool lint sts-record and lint tlsrpt-record: report everything that is wrong with the TXT
// record of MTA-STS (RFC 8461 section 3.1) or of TLS reporting (RFC 8460 section 3).

#include <algorithm>
#include <iterator>

#include "base/counted.h"
#include "base/file.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/lint.h"
#include "listtool/txt_file.h"
#include "mtasts/record.h"
#include "tlsrpt/record.h"

namespace starttls::listtool {
namespace {

void to_json(json::JsonText& json, const mtasts::Record& record) {
  json.member("id", record.id);
}

void to_json(json::JsonText& json, const tlsrpt::Record& record) {
  json.key("rua");
  json.begin_array();
  for (const tlsrpt::Destination& destination : record.destinations) json.text(destination.uri());
  json.end_array();
}

std::string summary(const mtasts::Record& record) {
  return "id " + record.id;
}

std::string summary(const tlsrpt::Record& record) {
  return counted(record.destinations.size(), "destination");
}

// The findings in the file and in the answer in it, with their positions in the file.
std::vector<Finding> all_findings(const TxtFile& file, std::vector<Finding> answer_findings) {
  for (Finding& finding : answer_findings) finding.position = file.to_file_position(finding.position);
  std::vector<Finding> findings = file.findings;
  std::ranges::move(answer_findings, std::back_inserter(findings));
  std::ranges::stable_sort(findings, {}, &Finding::position);
  return findings;
}

// `read_records` is that of mtasts or tlsrpt.
template <class Read>
Result<int> lint_record(const LintValues& values, const Context& context, Read read_records) {
  const auto text = TRY(read_file(values.file, txt_file_limit, FileKind::any));
  const TxtFile file = read_txt_file(text);
  auto reading = read_records(file.answer);
  const bool readable = reading.record && file.findings.empty();
  return report(context, {.file = shown_file(values.file),
                          .readable = readable,
                          .findings = all_findings(file, std::move(reading.findings)),
                          .suppressed = reading.suppressed,
                          .to_json = [&](json::JsonText& json) { to_json(json, *reading.record); },
                          .summary = readable ? summary(*reading.record) : ""});
}

void declare(Options& options, LintValues& values) {
  options.argument("FILE", values.file, "Its text, or what dig +short prints; '-' is standard input")
      .required();
}

Result<int> lint_sts_record(const LintValues& values, const Context& context) {
  return lint_record(values, context, mtasts::read_records);
}

Result<int> lint_tlsrpt_record(const LintValues& values, const Context& context) {
  return lint_record(values, context, tlsrpt::read_records);
}

}  // namespace

Command lint_sts_record_command() {
  return lint_command(
      {.name = "lint sts-record",
       .summary = "Lint the TXT record of MTA-STS",
       .example = "starttls-listtool lint sts-record record.txt\n"
                  "  dig +short TXT _mta-sts.example.com | starttls-listtool lint sts-record -"},
      declare, lint_sts_record);
}

Command lint_tlsrpt_record_command() {
  return lint_command(
      {.name = "lint tlsrpt-record",
       .summary = "Lint the TXT record of TLS reporting",
       .example = "starttls-listtool lint tlsrpt-record record.txt\n"
                  "  dig +short TXT _smtp._tls.example.com | starttls-listtool lint tlsrpt-record -"},
      declare, lint_tlsrpt_record);
}

}  // namespace starttls::listtool
