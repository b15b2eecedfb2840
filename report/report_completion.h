// Completes reports about outbound mail whose source did not know everything, such as the log of a mail server: the
// destinations of their domains, and their policies. Looks many domains up together.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/outbound_report.h"
#include "report/published.h"
#include "report/report_decision.h"

namespace starttls::report {

class ReportCompletion {
 public:
  // What domains publish now, as Lookup::policies() and Lookup::destinations() say.
  struct Lookups {
    std::function<Result<PublishedPolicies>(const std::set<std::string>& domains)> policies;
    // Empty: reports stay without destinations.
    std::function<Result<std::map<std::string, ReportDestinations>>(const std::set<std::string>& domains)>
        destinations;
  };
  using Take = std::function<Result<void>(OutboundReport&& report, const Decision& decision)>;

  // The facts must outlive this object. `warn` gets a sentence for each policy that cannot be looked up.
  ReportCompletion(Lookups lookups, const DestinationFacts& facts,
                   std::function<void(const std::string&)> warn, Take take);

  // Passes the report on to `take`, now or later. If it is reported without destinations, these cannot be looked up for
  // the moment.
  Result<void> add(OutboundReport&& report, const Decision& decision);
  // To be called after the last one.
  Result<void> finish();

  static constexpr std::size_t max_together = 500;  // reports

 private:
  struct Waiting {
    OutboundReport report;
    Decision decision;
  };

  bool wants_destinations(const Waiting& one) const;
  bool wants_policy(const Waiting& one) const;
  Result<void> find_destinations();
  Result<void> find_policies();

  Lookups lookups_;
  const DestinationFacts& facts_;
  std::function<void(const std::string&)> warn_;
  Take take_;
  std::vector<Waiting> waiting_;
};

}  // namespace starttls::report
