// Examines many domains, a limited number at the same time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/domain.h"
#include "discovery/mta_sts_discovery.h"
#include "discovery/policy_resolver.h"
#include "event/task.h"

namespace starttls::listtool {

class Bulk {
 public:
  // With `progress`, standard error must be a terminal: it shows the progress in a line that is cleared
  // before each report.
  Bulk(discovery::PolicyResolver& policy_resolver, std::vector<DomainName> domains,
       discovery::FetchMode fetch_mode, std::size_t max_concurrent, bool progress);

  // Reports each outcome after all outcomes before it, in the order of the domains, and then frees it. If
  // `report` returns false, running examinations are cancelled and no other domain is started.
  using Report = std::function<bool(const DomainName& domain, const discovery::DomainFacts& facts)>;
  event::Task<bool> run(Report report);

 private:
  event::Task<bool> work(std::size_t index);
  void done(std::size_t index, std::shared_ptr<const discovery::DomainFacts> facts);
  void report_all_due();
  void show_progress();

  discovery::PolicyResolver& examiner_;
  std::vector<DomainName> domains_;
  discovery::FetchMode haste_;
  std::size_t max_concurrent_;
  bool progress_;
  Report report_;
  std::vector<std::shared_ptr<const discovery::DomainFacts>> waiting_;  // for earlier reports
  bool stopped_ = false;                                                // by a report
  std::size_t reported_ = 0;
  std::size_t done_ = 0;
};

}  // namespace starttls::listtool
