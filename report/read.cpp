#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "command/alias.h"
#include "imap/url.h"
#include "report/bounces.h"
#include "report/commands.h"
#include "report/intake.h"
#include "report/intake_settings.h"
#include "report/mailbox_intake.h"
#include "report/owner_lookup.h"
#include "report/published.h"
#include "report/read_output.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

struct Values {
  std::vector<fs::path> inputs;
  bool no_store = false;
  bool no_lookup = false;
  bool are_authenticated = false;
  bool mbox = false;
  fs::path password_file;
  fs::path ca_file;
  std::string move_to;
  bool all = false;
};

void declare(Options& options, Values& values) {
  options
      .arguments(
          "FILE", values.inputs,
          "JSON, gzip, a mail, an mbox, a Maildir or a directory of such files; '-': one mail on standard "
          "input; imaps://USER@HOST/FOLDER: a mailbox on a server")
      .required();
  options.flag("--authenticated", values.are_authenticated, "Treat these reports as authenticated");
  options.flag("--no-store", values.no_store, "Do not store the reports");
  options.flag("--no-lookup", values.no_lookup, "Do not look up what the policy domains publish");
  options.option("--password-file", values.password_file, "FILE", "The password of imaps://")
      .check(command::names_file);
  options
      .option("--ca-file", values.ca_file, "FILE",
              "Trust only these authorities for imaps:// (default: the system's)")
      .check(command::names_file);
  options
      .option("--move-to", values.move_to, "FOLDER",
              "Move the messages that were read from imaps:// to this folder")
      .check(command::not_empty);
  options.flag("--all", values.all, "Read all messages of imaps://, not only unseen ones");
  options.flag("--mbox", values.mbox, "Standard input is an mbox, not one mail");
}

Result<void> keep_mx_hosts(const config::TlsrptConfig& configuration,
                           const std::vector<tlsrptdb::SeenMxHost>& hosts) {
  if (hosts.empty()) return {};
  auto own =
      TRY(tlsrptdb::OwnDomains::open(tlsrptdb::report_file(configuration.state_dir), store::Access::owner));
  for (const tlsrptdb::SeenMxHost& host : hosts) TRY(own.keep(host));
  return {};
}

// Called after the last input.
Result<void> finish_store(tlsrptdb::ReportStore& store, const OwnerLookup& owners, Time now,
                          const Context& context) {
  TRY(keep_mx_hosts(context.configuration, owners.found_mx_hosts()));
  if (store.evicted() > 0) {
    command::warn(context,
                  fmt::format("the store is full (report.max_store_size): {} of other reporters were removed",
                              counted(store.evicted(), "report")));
  }
  return prune_old(store, context.configuration, now);
}

// Inputs in their order: a mailbox, or files one after another.
struct Part {
  std::optional<imap::MailboxUrl> url;
  std::vector<fs::path> files;
};

Result<std::vector<Part>> parts_of(const Values& values) {
  std::vector<Part> parts;
  bool has_mailbox = false;
  for (const fs::path& input : values.inputs) {
    if (imap::is_mailbox_url(input.native())) {
      has_mailbox = true;
      parts.push_back({.url = TRY(imap::parse_mailbox_url(input.native())), .files = {}});
      if (parts.back().url->folder == values.move_to) {
        return fail(Fault::usage, "--move-to: '{}' is the folder that is read",
                    printable(values.move_to, 100));
      }
      continue;
    }
    if (parts.empty() || parts.back().url) parts.emplace_back();
    parts.back().files.push_back(input);
  }
  if (has_mailbox && values.password_file.empty())
    return fail(Fault::usage, "imaps:// needs --password-file");
  const bool has_option =
      !values.password_file.empty() || !values.ca_file.empty() || !values.move_to.empty() || values.all;
  if (has_option && !has_mailbox)
    return fail(Fault::usage, "--password-file, --ca-file, --move-to and --all are for imaps:// only");
  return parts;
}

Result<void> read_parts(Intake& intake, const std::vector<Part>& parts, const Values& values,
                        const Context& context) {
  const MailboxSettings settings{.password_file = values.password_file,
                                 .ca_file = values.ca_file,
                                 .move_to = values.move_to,
                                 .all = values.all,
                                 .changes = !values.no_store};
  for (const Part& part : parts) {
    if (!part.url) {
      TRY(read_inputs(intake, part.files));
      continue;
    }
    const std::size_t waiting = TRY(read_mailbox(intake, *part.url, settings));
    if (waiting > 0) {
      command::warn(context,
                    fmt::format("{}: {} for the next run", printable(part.url->text()),
                                waiting == 1 ? "1 message waits" : fmt::format("{} messages wait", waiting)));
    }
  }
  return {};
}

Result<int> run(const Values& values, const Context& context) {
  const std::vector<Part> parts = TRY(parts_of(values));
  const config::TlsrptConfig& configuration = context.configuration;
  const Time now = context.clock();
  std::optional<tlsrptdb::ReportStore> store;
  // Reports that are too old must not take the place of new ones.
  if (!values.no_store) {
    store = TRY(open_intake_store(configuration));
    TRY(prune_old(*store, configuration, now));
  }
  ReadOutput output(context, store.has_value());
  const bool may_look_up = !values.no_lookup && !context.is_from_alias();
  OwnerLookup owners(context, may_look_up);
  Bounces bounces(configuration.state_dir, now);
  IntakeSettings settings = TRY(intake_settings(configuration, now, values.are_authenticated));
  settings.stdin_is_mailbox = values.mbox;
  settings.want_policies = context.json;
  settings.on_bounce = [&](Input& bounce) { return bounces.take(bounce, store.has_value()); };
  if (!store) {
    settings.rejected_directory.clear();
    settings.parser.oldest = Day();
  }
  const InputListener listener{.on_input =
                                   [&](Input& input) {
                                     owners.check(input);
                                     output.add(input);
                                   },
                               .on_commit = [&] { return output.flush(); }};
  Intake intake(store ? &*store : nullptr, settings, listener);
  TRY(read_parts(intake, parts, values, context));
  output.set_others(owners.others());
  if (store) TRY(finish_store(*store, owners, now, context));
  if (may_look_up) {
    const PublishedPolicies published = TRY(Lookup(context).policies(output.totals().seen.domains()));
    output.set_drifts(output.totals().seen.drifts(published));
  }
  TRY(output.finish());
  return output.totals().rejected > 0 ? static_cast<int>(Fault::data) : 0;
}

Result<int> run_around(const Values& values, const command::CommandContext& context,
                       const command::Body& body) {
  return command::run_around_alias(values.inputs, context, body);
}

}  // namespace

Command read_command() {
  return make_command(
      {.name = "read",
       .summary = "Read reports that others sent, explain their failures and store them",
       .example = "tlsrpt-report read google.com\\!example.org\\!1795651200\\!1795737599.json.gz\n"
                  "  tlsrpt-report read ~/Maildir/.tls-reports\n"
                  "  tlsrpt-report read --password-file imap.password imaps://tlsrpt@imap.example.org/INBOX"},
      declare, run, nullptr, run_around);
}

}  // namespace starttls::report
