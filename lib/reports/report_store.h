// The reports that others sent about our policy domains: what they say, and themselves as they came.
//
//     auto reports = ReportStore::open(file, store::Access::write);
//     reports->begin();
//     reports->add(policy) ...                      as they are read
//     reports->finish(head, identity, packed, now); or drop(), where the rest of the report is bad
//     reports->commit();
//
// They are in a file of their own, so that whoever reads a folder of ten years does not keep the milter's
// folds waiting. tlsrpt-store(5) describes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"
#include "tlsrpt/report.h"

namespace starttls::reports {

// Where a state directory keeps the reports.
std::filesystem::path report_file(const std::filesystem::path& state_dir);

// One policy of a received report, with what it belongs to.
struct ReportedPolicy {
  std::int64_t report = 0;  // the same for all policies of a report
  std::string signer;       // the domain that vouches for it; "": it is not authenticated
  tlsrpt::ReportHead head;
  tlsrpt::PolicyResult policy;
};

enum class Addition {
  added,
  duplicate,         // the same report was there already
  differs_from_kept  // one with its reporter, id, days and policy domains was there; that one stays, and its
                     // figures are others
};

struct Kept {
  Addition addition = Addition::added;
  std::int64_t report = 0;  // the one that is kept
};

class ReportStore {
 public:
  // Access::read of a file that is not there gives a store without reports. Errors as of open_sqlite_store().
  static Result<ReportStore> open(const std::filesystem::path& file, store::Access access);
  ReportStore(ReportStore&&) noexcept;
  ReportStore& operator=(ReportStore&&) noexcept;
  ~ReportStore();

  // Everything up to commit() is done or nothing. Others wait meanwhile.
  Result<void> begin();
  Result<void> add(const tlsrpt::PolicyResult& policy);
  // `identity`: Identity::of() the report.
  Result<Kept> finish(const tlsrpt::ReportHead& head, std::int64_t identity, std::string_view packed,
                      Time received);
  Result<void> drop();
  Result<void> commit();

  // Removes reports that ended before the day, up to `most`.
  Result<void> prune(Day before, std::size_t most);

  // The policies of reports that began on the days, of one policy domain or of all, in the order in which
  // they were read.
  Result<void> read(const store::Period& period, const std::optional<std::string>& policy_domain,
                    const std::function<void(const ReportedPolicy&)>& take);

  // The gzip data of a report.
  Result<std::string> packed(std::int64_t report);

 private:
  struct Open;
  explicit ReportStore(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::reports
