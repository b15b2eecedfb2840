#include <netdb.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "command/command_line.h"
#include "report/commands.h"
#include "report/contact.h"
#include "report/self_report.h"
#include "report/sending.h"
#include "store/open_store.h"
#include "tlsrpt/gzip.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

// The host's full name where the resolver knows one.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return printable(name.data());
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  return printable(found->ai_canonname != nullptr ? found->ai_canonname : name.data());
}

Reporter reporter_of(const config::TlsrptConfig& configuration) {
  Reporter reporter{.organization = configuration.organization,
                    .contact = configuration.contact,
                    .host = host_name(),
                    .domain = {},
                    .sender = {},
                    .default_policy_domain = configuration.policy_domain,
                    .min_tls = configuration.min_tls};
  if (reporter.organization.empty()) reporter.organization = reporter.host;
  if (reporter.contact.empty()) reporter.contact = "postmaster@" + reporter.host;
  Contact contact = parse_contact(reporter.contact, reporter.host);
  reporter.domain = std::move(contact.domain);
  reporter.sender = std::move(contact.sender);
  return reporter;
}

Result<std::string> packed(const tlsrpt::Report& report, bool gzipped) {
  std::string json = tlsrpt::to_json(report);
  return gzipped ? tlsrpt::gzip(json) : Result<std::string>(std::move(json));
}

Result<void> print_report(const tlsrpt::Report& report, bool gzipped) {
  if (gzipped && ::isatty(STDOUT_FILENO) != 0) {
    return fail(Fault::usage, "compressed data does not belong on a terminal; send it to a file or use -o");
  }
  const auto content = packed(report, gzipped);
  if (!content) return std::unexpected(content.error());
  return print(*content);
}

// RFC 8460 sends a report to the owner of one policy domain: one file for each.
Result<void> write_reports(const tlsrpt::Report& all, const std::string& sender, const fs::path& directory,
                           bool gzipped) {
  for (const tlsrpt::PolicyResult& policy : all.policies) {
    const auto content = packed(report_for(all, policy), gzipped);
    if (!content) return std::unexpected(content.error());
    const fs::path file =
        directory / tlsrpt::file_name(sender, policy.policy_domain, all.head.begin, all.head.end, gzipped);
    if (auto written = replace_file(file, *content); !written) return written;
    if (auto told = print(file.string() + "\n"); !told) return told;
  }
  return {};
}

// The policies that the domains publish now; one that cannot be told is told on standard error, and left out.
Result<void> look_up(tlsrpt::Report& report, Lookup& lookup, bool quiet) {
  std::set<std::string> domains;
  for (const tlsrpt::PolicyResult& policy : report.policies) domains.insert(policy.policy_domain);
  const auto published = lookup.policies(domains);
  if (!published) return std::unexpected(published.error());
  for (const auto& [domain, policy] : *published) {
    if (!policy.trouble.empty() && !quiet)
      print_warning(report_program, fmt::format("{}: the policy is left out: {}", domain, policy.trouble));
  }
  put_policies(report, *published);
  return {};
}

Result<int> send(const tlsrpt::Report& report, const Reporter& reporter, Lookup& lookup,
                 const Surroundings& surroundings) {
  auto sending = Sending::begin(surroundings, lookup);
  if (!sending) return std::unexpected(sending.error());
  if (auto queued = sending->enqueue(report, reporter); !queued) return std::unexpected(queued.error());
  const auto outcome = sending->deliver();
  if (!outcome) return std::unexpected(outcome.error());
  return status_of(*outcome);
}

}  // namespace

void add_self_command(CLI::App& app, SelfOptions& options) {
  auto* command =
      app.add_subcommand("self", "The RFC 8460 report about our own inbound sessions of one UTC day");
  command->add_option("--day", options.day, "YYYY-MM-DD, today (default) or yesterday (default with --send)")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only this policy domain")->type_name("DOMAIN");
  command->add_option("-o", options.directory, "Write one file a policy domain there, named as RFC 8460 says")
      ->type_name("DIR");
  command->add_flag("--gzip", options.gzip, "Compress, as for sending");
  command
      ->add_flag("--send", options.send,
                 "Send each domain its report, as its TLSRPT record or report.rua says")
      ->excludes("-o");
  command->add_flag("--no-lookup", options.no_lookup, "Do not ask what policies the domains publish");
  command->footer("Example:\n  tlsrpt-report self --day yesterday --domain example.org");
}

Result<int> run_self(const SelfOptions& options, const Surroundings& surroundings) {
  const std::string by_default = options.send ? "yesterday" : "today";
  const auto day = day_argument(options.day.empty() ? by_default : options.day, surroundings.clock);
  if (!day) return std::unexpected(day.error());
  if (options.send && *day >= to_day(surroundings.clock()))
    return fail(Fault::usage, "{} is not over yet", to_string(*day));
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  const auto counts = store::read_counts(store_location(surroundings.configuration), {*day, *day});
  if (!counts) return std::unexpected(counts.error());
  const Reporter reporter = reporter_of(surroundings.configuration);
  tlsrpt::Report report = self_report(*counts, *day, surroundings.clock(), reporter, *domain);
  Lookup lookup(surroundings);
  if (!options.no_lookup) {
    if (auto done = look_up(report, lookup, surroundings.quiet); !done) return std::unexpected(done.error());
  }
  if (options.send) return send(report, reporter, lookup, surroundings);
  auto done = options.directory ? write_reports(report, reporter.domain, *options.directory, options.gzip)
                                : print_report(report, options.gzip);
  if (!done) return std::unexpected(done.error());
  return 0;
}

}  // namespace starttls::report
