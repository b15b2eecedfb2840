// starttls-listtool lint policy: reports everything that is wrong with an MTA-STS policy (RFC 8461 section
// 3.2).

#include "base/file.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/lint.h"
#include "mtasts/policy.h"

namespace starttls::listtool {
namespace {

void to_json(json::JsonText& json, const mtasts::Policy& policy) {
  json.member("mode", mtasts::to_string(policy.mode));
  json.key("mx");
  json.begin_array();
  for (const mtasts::MxPattern& pattern : policy.mx) json.text(pattern.str());
  json.end_array();
  json.member("max_age", static_cast<std::uint64_t>(policy.max_age.count()));
}

std::string summary(const mtasts::Policy& policy) {
  return fmt::format("mode {}, {} mx, max_age {}", mtasts::to_string(policy.mode), policy.mx.size(),
                     policy.max_age.count());
}

void declare(Options& options, LintValues& values) {
  options.argument("FILE", values.file, "The policy; '-' is standard input").required();
}

Result<int> run(const LintValues& values, const Context& context) {
  const auto text = TRY(read_file(values.file, mtasts::policy_size_limit, FileKind::any));
  auto reading = mtasts::read_policy(text);
  return report(context, {.file = shown_file(values.file),
                          .readable = reading.policy.has_value(),
                          .findings = std::move(reading.findings),
                          .suppressed = reading.suppressed,
                          .to_json = [&](json::JsonText& json) { to_json(json, *reading.policy); },
                          .summary = reading.policy ? summary(*reading.policy) : ""});
}

}  // namespace

Command lint_policy_command() {
  return lint_command({.name = "lint policy",
                       .summary = "Lint an MTA-STS policy",
                       .example = "starttls-listtool lint policy mta-sts.txt"},
                      declare, run);
}

}  // namespace starttls::listtool
