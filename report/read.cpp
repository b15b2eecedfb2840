#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/counted.h"
#include "base/try.h"
#include "command/alias.h"
#include "report/commands.h"
#include "report/evidence.h"
#include "report/intake.h"
#include "report/our_domains.h"
#include "report/owner_lookup.h"
#include "report/published.h"
#include "report/read_output.h"
#include "store/sending_domain.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t pruned_at_once = 10'000;  // reports
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

struct Values {
  std::vector<fs::path> inputs;
  bool no_store = false;
  bool no_lookup = false;
  bool are_authenticated = false;
  bool mbox = false;
};

void declare(Options& options, Values& values) {
  options
      .arguments(
          "FILE", values.inputs,
          "JSON, gzip, a mail, an mbox, a Maildir or a directory of such files; '-': one mail on standard "
          "input")
      .required();
  options.flag("--authenticated", values.are_authenticated, "Treat these reports as authenticated");
  options.flag("--no-store", values.no_store, "Do not store the reports");
  options.flag("--no-lookup", values.no_lookup, "Do not look up what the policy domains publish");
  options.flag("--mbox", values.mbox, "Standard input is an mbox, not one mail");
}

Result<std::optional<tlsrptdb::ReportStore>> open_store(const Values& values,
                                                        const config::TlsrptConfig& configuration,
                                                        Day oldest) {
  if (values.no_store) return std::nullopt;
  // If the directory cannot be created, opening the store returns the reason.
  std::error_code ignored;
  fs::create_directories(configuration.state_dir, ignored);
  auto store =
      TRY(tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::owner));
  store.set_quota(configuration.report.max_store_size * mebibyte);
  // Reports that are too old must not take the place of new ones.
  TRY(store.prune(oldest, pruned_at_once));
  return store;
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
Result<void> finish_store(tlsrptdb::ReportStore& store, const OwnerLookup& owners, Day oldest,
                          const Context& context) {
  TRY(keep_mx_hosts(context.configuration, owners.found_mx_hosts()));
  if (store.evicted() > 0) {
    command::warn(context,
                  fmt::format("the store is full (report.max_store_size): {} of other reporters were removed",
                              counted(store.evicted(), "report")));
  }
  return store.prune(oldest, pruned_at_once);
}

Result<int> run(const Values& values, const Context& context) {
  const config::TlsrptConfig& configuration = context.configuration;
  const Time now = context.clock();
  const Day oldest = to_day(now) - std::chrono::days(configuration.milter.retention_days);
  std::optional<tlsrptdb::ReportStore> store = TRY(open_store(values, configuration, oldest));
  store::SendingDomainFinder registrable;
  if (values.are_authenticated || requires_authentication(configuration))
    registrable = TRY(store::sending_domain());
  ReadOutput output(context, store.has_value());
  const bool may_look_up = !values.no_lookup && !context.is_from_alias();
  OwnerLookup owners(context, may_look_up);
  const IntakeSettings settings{
      .rejected_directory = store ? configuration.state_dir / "rejected" : fs::path(),
      .max_rejected_size = configuration.report.max_rejected_size * mebibyte,
      .stdin_is_mailbox = values.mbox,
      .parser = {.our_domains = configured_domains(configuration),
                 .now = now,
                 .oldest = store ? oldest : Day(),
                 .trusted_authserv_ids = configuration.report.trusted_authserv_ids,
                 .are_authenticated = values.are_authenticated,
                 .registrable = std::move(registrable)},
      .want_policies = context.json};
  const InputListener listener{.on_input =
                                   [&](Input& input) {
                                     owners.check(input);
                                     output.add(input);
                                   },
                               .on_commit = [&] { return output.flush(); }};
  TRY(read_inputs(values.inputs, store ? &*store : nullptr, settings, listener));
  output.set_others(owners.others());
  if (store) TRY(finish_store(*store, owners, oldest, context));
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
                  "  tlsrpt-report read ~/Maildir/.tls-reports"},
      declare, run, nullptr, run_around);
}

}  // namespace starttls::report
