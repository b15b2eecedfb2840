// starttls-listtool lint policy, lint sts-record and lint tlsrpt-record: what a domain publishes about TLS.

#include <algorithm>
#include <iterator>

#include "base/counted.h"
#include "base/file.h"
#include "listtool/lint.h"
#include "listtool/txt_file.h"
#include "mtasts/policy.h"
#include "mtasts/record.h"
#include "tlsrpt/record.h"

namespace starttls::listtool {
namespace {

void write_policy(json::JsonText& json, const mtasts::Policy& policy) {
  json.member("mode", mtasts::to_string(policy.mode));
  json.key("mx");
  json.begin_array();
  for (const mtasts::MxPattern& pattern : policy.mx) json.text(pattern.str());
  json.end_array();
  json.member("max_age", static_cast<std::uint64_t>(policy.max_age.count()));
}

void write_destinations(json::JsonText& json, const tlsrpt::Record& record) {
  json.key("rua");
  json.begin_array();
  for (const tlsrpt::Destination& destination : record.destinations) json.text(destination.uri());
  json.end_array();
}

std::string sum_of(const mtasts::Policy& policy) {
  return fmt::format("mode {}, {} mx, max_age {}", mtasts::to_string(policy.mode), policy.mx.size(),
                     policy.max_age.count());
}

// What is wrong with the file and with the answer in it, at the places in the file.
std::vector<Finding> findings_in(const TxtFile& file, std::vector<Finding> of_answer) {
  for (Finding& finding : of_answer) finding.position = file.position_of(finding.position);
  std::vector<Finding> findings = file.findings;
  std::ranges::move(of_answer, std::back_inserter(findings));
  std::ranges::stable_sort(findings, {}, &Finding::position);
  return findings;
}

// What the record linters share; `read` is read_records() of a room, `content` and `sum` take its Record.
template <class Read, class Content, class Sum>
Result<int> lint_record(const Common& common, const LintOptions& options, Read read, Content content,
                        Sum sum) {
  const auto text = read_file(options.file, txt_file_limit, FileKind::any);
  if (!text) return std::unexpected(text.error());
  const TxtFile file = read_txt_file(*text);
  auto reading = read(file.answer);
  const bool readable = reading.record && file.findings.empty();
  return answer(common, {.file = shown_file(options.file),
                         .readable = readable,
                         .findings = findings_in(file, std::move(reading.findings)),
                         .suppressed = reading.suppressed,
                         .content = [&](json::JsonText& json) { content(json, *reading.record); },
                         .sum = readable ? sum(*reading.record) : ""});
}

}  // namespace

Result<int> lint_policy(const Common& common, const LintOptions& options) {
  const auto text = read_file(options.file, mtasts::policy_size_limit, FileKind::any);
  if (!text) return std::unexpected(text.error());
  auto reading = mtasts::read_policy(*text);
  return answer(common, {.file = shown_file(options.file),
                         .readable = reading.policy.has_value(),
                         .findings = std::move(reading.findings),
                         .suppressed = reading.suppressed,
                         .content = [&](json::JsonText& json) { write_policy(json, *reading.policy); },
                         .sum = reading.policy ? sum_of(*reading.policy) : ""});
}

Result<int> lint_sts_record(const Common& common, const LintOptions& options) {
  return lint_record(
      common, options, mtasts::read_records,
      [](json::JsonText& json, const mtasts::Record& record) { json.member("id", record.id); },
      [](const mtasts::Record& record) { return "id " + record.id; });
}

Result<int> lint_tlsrpt_record(const Common& common, const LintOptions& options) {
  return lint_record(
      common, options, tlsrpt::read_records, write_destinations,
      [](const tlsrpt::Record& record) { return counted(record.destinations.size(), "destination"); });
}

}  // namespace starttls::listtool
