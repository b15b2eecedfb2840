// Many domains, examined a bounded number at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/domain.h"
#include "event/task.h"
#include "mtasts/discovery.h"
#include "policy/examiner.h"

namespace starttls::listtool {

class Bulk {
 public:
  // With `progress` standard error, which is a terminal, shows how far it is, in a line that gives way to
  // what is reported.
  Bulk(policy::Examiner& examiner, std::vector<DomainName> domains, mtasts::Haste haste, std::size_t at_once,
       bool progress);

  // Each outcome is reported once all before it have been, in the order of the domains, and then freed. Where
  // the report is false nobody wants more: what is under way ends, and no other domain is begun.
  using Report = std::function<bool(const DomainName& domain, const policy::Facts& facts)>;
  event::Task<bool> run(Report report);

 private:
  event::Task<bool> lane();
  void done(std::size_t index, std::shared_ptr<const policy::Facts> facts);
  void report_all_due();
  void show_progress();

  policy::Examiner& examiner_;
  std::vector<DomainName> domains_;
  mtasts::Haste haste_;
  std::size_t at_once_;
  bool progress_;
  Report report_;
  std::vector<std::shared_ptr<const policy::Facts>> waiting_;  // for those before them
  std::size_t next_ = 0;                                       // to be begun
  std::size_t reported_ = 0;
  std::size_t done_ = 0;
};

}  // namespace starttls::listtool
