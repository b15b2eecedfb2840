#include "listtool/sts_run.h"

#include <unistd.h>

#include "base/console.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/bulk.h"

namespace starttls::listtool {
namespace {

// Writes the output of a command for many domains, domain by domain.
class Report {
 public:
  explicit Report(bool json) : is_json_(json) {
    if (!is_json_) return;
    json_.begin_object();
    json_.key("domains");
    json_.begin_array();
  }

  // Only counted if it is not `shown`.
  Result<void> add(const DomainName& domain, const StsOutcome& outcome, bool shown) {
    totals_.count(outcome);
    if (!shown) return {};
    if (!is_json_) return print(to_string(domain, outcome));
    to_json(json_, domain, outcome);
    return print(json_.take_part());
  }

  Result<void> finish() {
    if (!is_json_) return {};
    json_.end_array();
    json_.key("summary");
    to_json(json_, totals_);
    json_.end_object();
    return print(json_.take());
  }

  const StsTotals& totals() const { return totals_; }

 private:
  bool is_json_;
  json::JsonText json_;
  StsTotals totals_;
};

}  // namespace

Result<std::unique_ptr<discovery::DiscoveryStack>> begin_discovery(const Context& context) {
  auto discovery = TRY(discovery::DiscoveryStack::begin(
      context.configuration.discovery, mta_sts_cache(context.configuration), context.clock, {.dane = false}));
  if (discovery->warning) print_error(program, discovery->warning->message);
  return discovery;
}

Result<StsTotals> examine_all(const Context& context, discovery::DiscoveryStack& discovery,
                              std::vector<DomainName> domains, discovery::FetchMode fetch_mode,
                              const std::function<bool(const DomainName&, const StsOutcome&)>& is_shown) {
  Report report(context.json);
  Result<void> written;
  Bulk bulk(*discovery.policy_resolver, std::move(domains), fetch_mode,
            context.configuration.discovery.policy_hosts.max_concurrent,
            !context.quiet && ::isatty(STDERR_FILENO) == 1);
  discovery.loop.run_until_complete(
      bulk.run([&](const DomainName& domain, const discovery::DomainFacts& facts) {
        const StsOutcome outcome = to_outcome(facts.mta_sts, facts.examined);
        written = report.add(domain, outcome, is_shown(domain, outcome));
        return written.has_value();
      }));
  if (written) written = report.finish();
  if (!written) return std::unexpected(written.error());
  return report.totals();
}

void print_totals(const Context& context, const StsTotals& totals) {
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  if (context.quiet || (!context.verbose && !is_terminal)) return;
  print_info(program, to_string(totals));
}

int cache_status(const Context& context, const discovery::DiscoveryStack& discovery) {
  if (discovery.warning) return discovery.warning->exit_status();
  const auto& error = discovery.policy_resolver->cache_error();
  if (!error) return 0;
  if (context.quiet) print_error(program, error->message);
  return error->exit_status();
}

}  // namespace starttls::listtool
