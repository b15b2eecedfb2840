#include "listtool/watch.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/console.h"
#include "base/directory.h"
#include "base/try.h"
#include "checkdb/check_state.h"
#include "event/loop.h"
#include "event/run_each.h"
#include "examination/gather.h"
#include "listtool/watch_report.h"

namespace starttls::listtool {
namespace {

// Each domain once, in the order of the file.
std::vector<DomainName> watched_domains(const CheckSettings& settings) {
  std::vector<DomainName> domains;
  std::set<DomainName> seen;
  for (const DomainName& domain : settings.domains) {
    if (seen.insert(domain).second) domains.push_back(domain);
  }
  return domains;
}

// Examines the domains, some at the same time, and compares each with what the state has of it.
class Watch {
 public:
  Watch(examination::Gatherer& gatherer, const std::vector<DomainName>& domains,
        const checkdb::CheckState& state, WatchReport& report)
      : gatherer_(gatherer), domains_(domains), state_(state), report_(report), known_(domains.size()) {}

  event::Task<bool> run() {
    return event::run_each(domains_.size(), max_examinations,
                           [this](std::size_t index) { return work(index); });
  }

  Result<void> keep(checkdb::CheckState& state) {
    for (std::size_t index = 0; index < domains_.size(); ++index)
      TRY(state.add(domains_[index], std::move(known_[index])));
    const std::set<DomainName> watched(domains_.begin(), domains_.end());
    state.remove_if([&watched](const DomainName& domain) { return !watched.contains(domain); });
    return state.finish();
  }

 private:
  event::Task<bool> work(std::size_t index) {
    examination::DomainFacts facts = co_await gatherer_.gather(domains_[index]);
    known_[index] = report_.add(examine(std::move(facts)), state_.find(domains_[index]));
    co_return true;
  }

  examination::Gatherer& gatherer_;
  const std::vector<DomainName>& domains_;
  const checkdb::CheckState& state_;
  WatchReport& report_;
  std::vector<checkdb::KnownDomain> known_;
};

}  // namespace

Result<int> watch(ExaminerSettings settings, CheckStyle style, const Context& context) {
  const Configuration& configuration = context.configuration;
  if (context.json)
    return fail(Fault::usage, "--watch prints text for a mail; --state FILE --changed prints JSON");
  const std::vector<DomainName> domains = watched_domains(configuration.check);
  if (domains.empty())
    return std::unexpected(configuration.error_at("check.domains", "is missing: which domains to watch"));
  const std::filesystem::path path = watch_state(configuration);
  TRY(Directory::make(path.parent_path()));
  auto state = TRY(checkdb::CheckState::open(path));
  const auto examiner = TRY(Examiner::create(std::move(settings), context));
  WatchReport report(style);
  Watch examinations(examiner->gatherer(), domains, state, report);
  examiner->loop().run_until_complete(examinations.run());
  // First the output, then the state: what could not be printed is printed next time.
  if (const std::string text = report.text(); !text.empty()) TRY(print(text));
  TRY(examinations.keep(state));
  return report.exit_status();
}

}  // namespace starttls::listtool
