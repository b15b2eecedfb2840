// starttls-listtool publish run: the daily job of a list's publisher.
//
//   due domains -> observations -> transitions -> mail to owners
//               -> edition, if its limits allow it -> signed, read as a consumer would, shown

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/arguments.h"
#include "listtool/commands.h"
#include "listtool/publish/edition.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/notices.h"
#include "listtool/publish/observe.h"
#include "listtool/publish/publisher.h"
#include "listtool/publish/reports.h"

namespace starttls::listtool::publish {
namespace {

using listingdb::Content;
using listingdb::KeptEdition;

struct Values {
  std::vector<std::string> domains;
  bool force = false;
  bool dry_run = false;
  bool no_checks = false;
  unsigned rate = 100;
  std::map<std::string, examination::Endpoint> connect;
};

constexpr unsigned max_rate = 1'000;

void declare(Options& options, Values& values) {
  const Option domains = options.arguments(
      "DOMAIN", values.domains, "Examine these now, and no other; '-': one a line on standard input");
  options.flag("--dry-run", values.dry_run, "Say what would change; keep nothing, send and publish nothing");
  options.flag("--force", values.force, "Publish an edition that exceeds max_change or max_unknown");
  options.flag("--no-checks", values.no_checks, "Examine no domain; publish what is known").excludes(domains);
  options
      .option("--rate", values.rate, "N",
              "Make at most N connections to mail servers a second (default: 100)")
      .range(1U, max_rate);
  options.parsed(
      "--connect", [&](const std::string& text) { return add_endpoint(values.connect, text); },
      "MX=ADDRESS:PORT", "Connect there instead of to the addresses of this MX host");
}

ExaminerSettings examiner_of(const Values& values, const Context& context) {
  ExaminerSettings settings{.rate = values.rate, .ehlo = context.configuration.check.ehlo};
  settings.days = context.configuration.check.days;
  settings.connect = values.connect;
  return settings;
}

// What a run has done, for its output.
struct Outcome {
  listing::ObservationCounts checks;
  listing::Difference difference;
  std::vector<std::string> faults;  // why there is no edition
  std::optional<KeptEdition> edition;
  std::string nothing;  // why there is none although nothing is wrong
  int status = 0;
};

void print_domains(std::string& text, std::string_view word, const std::vector<DomainName>& domains) {
  for (const DomainName& domain : domains) text += fmt::format("  {} {}\n", word, domain.str());
}

std::string to_text(const Outcome& outcome) {
  std::string text;
  if (outcome.checks.all > 0) {
    text = fmt::format("{}, {} of them found out nothing\n", counted(outcome.checks.all, "check"),
                       outcome.checks.unknown);
  }
  print_domains(text, "added", outcome.difference.added);
  print_domains(text, "removed", outcome.difference.removed);
  print_domains(text, "changed", outcome.difference.changed);
  if (outcome.edition) {
    text += fmt::format("edition {} with {}\n", outcome.edition->number,
                        counted(outcome.edition->entries, "entry"));
  }
  if (!outcome.nothing.empty()) text += outcome.nothing + '\n';
  return text;
}

void names(json::JsonText& json, std::string_view key, const std::vector<DomainName>& domains) {
  json.key(key);
  json.begin_array();
  for (const DomainName& domain : domains) json.text(domain.str());
  json.end_array();
}

std::string to_json(const Outcome& outcome) {
  json::JsonText json;
  json.begin_object();
  json.member("checks", outcome.checks.all);
  json.member("unknown", outcome.checks.unknown);
  names(json, "added", outcome.difference.added);
  names(json, "removed", outcome.difference.removed);
  names(json, "changed", outcome.difference.changed);
  json.key("edition");
  outcome.edition ? json.number(outcome.edition->number) : json.null();
  json.key("faults");
  json.begin_array();
  for (const std::string& fault : outcome.faults) json.text(fault);
  json.end_array();
  json.end_object();
  return json.take();
}

// The content, and whether it may be published.
Result<void> plan(Publisher& publisher, const Values& values, EditionPlan& plan, Outcome& outcome) {
  if (const auto pinned = TRY(publisher.db().pinned())) {
    plan.content = Content::pinned;
    plan.note = fmt::format("the content of edition {}", *pinned);
  }
  outcome.difference = TRY(publisher.db().difference(plan.content));
  if (values.force || plan.content == Content::pinned) return {};
  outcome.faults =
      listing::faults_of_edition(TRY(publisher.db().size_of(Content::published)), outcome.difference,
                                 outcome.checks, publisher.settings().limits);
  return {};
}

Result<void> publish(Publisher& publisher, const EditionPlan& plan, Outcome& outcome) {
  if (TRY(publisher.db().size_of(plan.content)) == 0) {
    const auto newest = TRY(publisher.db().newest());
    if (!newest) {
      outcome.nothing = "no domain is on the list yet, so there is no edition";
    } else {
      outcome.faults.push_back(
          fmt::format("no entry is left, and a list has one at least; edition {} stays until it expires",
                      newest->number));
    }
    return {};
  }
  const KeyVersions keys = TRY(read_key_versions(publisher.layout(), publisher.settings().name));
  for (const std::string& duty : duties(publisher.context(), keys))
    print_warning(program, fmt::format("list {}: {}", publisher.settings().name, duty));
  outcome.edition = TRY(make_edition(publisher, keys, plan, outcome.difference));
  return show_newest(publisher);
}

Result<Outcome> run_steps(Publisher& publisher, const Values& values, const std::vector<DomainName>& domains,
                          const Context& context) {
  Outcome outcome;
  if (!values.no_checks) outcome.checks = TRY(observe_due(publisher, examiner_of(values, context), domains));
  TRY(expire_entries(publisher));
  EditionPlan edition;
  TRY(plan(publisher, values, edition, outcome));
  if (values.dry_run) return outcome;
  TRY(prune_reports(publisher));
  if (const auto sent = send_notices(publisher); !sent) outcome.status = static_cast<int>(sent.error().fault);
  if (outcome.faults.empty()) {
    TRY(publish(publisher, edition, outcome));
  }
  if (!outcome.faults.empty()) outcome.status = 1;
  return outcome;
}

Result<int> run(const Values& values, const Context& context) {
  const Domains read = TRY(read_domains(values.domains));
  if (read.status != 0) return read.status;
  Publisher publisher = TRY(values.dry_run ? Publisher::open_rehearsal(context) : Publisher::open(context));
  if (!values.dry_run) {
    TRY(show_newest(publisher));
  }
  const Outcome outcome = TRY(run_steps(publisher, values, read.domains, context));
  for (const std::string& fault : outcome.faults)
    print_error(program, fmt::format("list {}: no edition: {}", publisher.settings().name, fault));
  if (context.json) {
    TRY(print(to_json(outcome)));
  } else if (context.verbose || values.dry_run) {
    TRY(print(to_text(outcome)));
  }
  return outcome.status;
}

}  // namespace

Command run_command() {
  return make_command({.name = "publish run",
                       .summary = "Examine the domains that are due, and publish an edition",
                       .example = "starttls-listtool publish run"},
                      declare, run);
}

}  // namespace starttls::listtool::publish
