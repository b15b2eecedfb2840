// starttls-listtool sts fetch: fetches the MTA-STS policies of domains now.

#include "base/try.h"
#include "listtool/arguments.h"
#include "listtool/commands.h"
#include "listtool/sts_run.h"

namespace starttls::listtool {
namespace {

struct Values {
  std::vector<std::string> domains;  // "-": from standard input, one on each line
};

void declare(Options& options, Values& values) {
  options.arguments("DOMAIN", values.domains, "Domains; '-': one a line on standard input").required();
}

Result<int> run(const Values& values, const Context& context) {
  auto read = TRY(read_domains(values.domains));
  if (read.domains.empty() && read.status != 0) return read.status;
  const auto discovery = TRY(begin_discovery(context));
  const bool several = read.domains.size() > 1;
  const auto totals = TRY(examine_all(context, *discovery, std::move(read.domains), discovery::FetchMode::now,
                                      [](const DomainName&, const StsOutcome&) { return true; }));
  if (several) print_totals(context, totals);
  if (const int status = cache_status(context, *discovery); status != 0) return status;
  return read.status != 0 ? read.status : totals.exit_status();
}

}  // namespace

Command sts_fetch_command() {
  return make_command({.name = "sts fetch",
                       .summary = "Fetch policies now, and cache them",
                       .example = "starttls-listtool sts fetch example.com example.org\n"
                                  "  starttls-listtool sts fetch - < domains"},
                      declare, run);
}

}  // namespace starttls::listtool
