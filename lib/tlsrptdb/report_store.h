// The reports that others sent about our policy domains: their values, and the reports as received.
//
//     auto reports = TRY(ReportStore::open(file, store::Access::owner));
//     reports->begin();
//     reports->add(policy) ...                      as they are read
//     reports->finish(received);                    or drop(), where the rest of the report is bad
//     reports->commit();
//
// A report that its reporter signed is never replaced by unsigned ones with the same name and id, and
// replaces the same one without a signature. Of two unsigned ones, the one with more failures stays: else
// anybody who knows a reporter's ids could send its reports first, without their failures.
//
// The store is limited in bytes, as a whole and for each reporter. A reporter that exceeds its share is
// refused further reports. Where the whole is full, a new report evicts others: those of reporters that are
// not authenticated, where its own reporter is; else those of its kind whose first report came later. The
// reporter with the most bytes loses its oldest reports first. Where there are none, the report is refused:
// nobody can evict earlier or authenticated reporters by sending many reports.
//
// The reports are in a file of their own, so that importing a mailbox of ten years does not delay the
// milter's folds. tlsrpt-store(5) describes it.
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

namespace starttls::tlsrptdb {

// The file of reports in a state directory.
std::filesystem::path report_file(const std::filesystem::path& state_dir);

// One policy of a received report, with what it belongs to.
struct ReportedPolicy {
  std::int64_t report = 0;    // the same for all policies of a report
  std::string signer;         // the domain that authenticates it; "": not authenticated
  std::string report_domain;  // TLS-Report-Domain of its mail; "": none
  tlsrpt::ReportHead head;
  tlsrpt::PolicyResult policy;
};

// A received report without its policies.
struct Received {
  const tlsrpt::ReportHead& head;
  std::int64_t identity = 0;  // ReportFingerprint::of() the report
  std::string_view packed;
  Time received;
  std::string reporter;        // its bytes count for this one
  bool authenticated = false;  // whether the reporter is proven; both kinds are counted apart
  std::string report_domain;   // as ReportedPolicy's
};

enum class AddResult {
  added,
  duplicate,    // the same report was there already
  conflicting,  // one with its reporter, id, days and policy domains was there, and its figures are
                // others; one of them stays
  refused       // there is no room for it
};

struct AddedReport {
  AddResult addition = AddResult::added;
  std::int64_t report = 0;  // the number of the stored report
  std::string reason;       // of one that was refused, or that took the place of another with other figures
};

// One reporter may use this part of the store: an eighth.
inline constexpr std::uint64_t reporter_share = 8;

class ReportStore {
 public:
  // Access::read of a missing file gives an empty store. Errors as of open_sqlite_store().
  static Result<ReportStore> open(const std::filesystem::path& file, store::Access access);
  ReportStore(ReportStore&&) noexcept;
  ReportStore& operator=(ReportStore&&) noexcept;
  ~ReportStore();

  // The limit of the whole store, in bytes as this counts them: texts, JSON and rows, a little more than
  // their size in the file. The default is no limit.
  void set_quota(std::uint64_t bytes);

  // A transaction, up to commit(). Other writers wait meanwhile.
  Result<void> begin();
  Result<void> add(const tlsrpt::PolicyResult& policy);
  Result<AddedReport> finish(const Received& received);
  Result<void> drop();
  Result<void> commit();

  // Bytes added since begin().
  std::uint64_t uncommitted_size() const;
  // Reports that were evicted for others, since the store was opened.
  std::uint64_t evicted() const;

  // Removes reports that ended before the day, or were received before it, up to `max` of each.
  Result<void> prune(Day before, std::size_t max);

  // The policies of reports that began on the days, of one policy domain or of all, in the order in which
  // they were read. Policy domains are normalised, also those stored by older versions.
  Result<void> read(const store::Period& period, const std::optional<std::string>& policy_domain,
                    const std::function<void(ReportedPolicy&&)>& take);
  // The same without failure details.
  Result<void> read_policies(const store::Period& period, const std::function<void(ReportedPolicy&&)>& take);

  // The gzip data of a report.
  Result<std::string> packed(std::int64_t report);

 private:
  struct Open;
  struct KeptReport;
  Result<AddedReport> keep_other(const KeptReport& other);
  Result<bool> insert(const Received& received);
  Result<AddedReport> finish_added(const Received& received);
  Result<AddedReport> finish_signed(const Received& received);
  Result<AddedReport> finish_unsigned(const Received& received);
  Result<void> read_rows(const store::Period& period,
                         const std::function<Result<void>(std::int64_t number, ReportedPolicy&&)>& take);
  explicit ReportStore(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::tlsrptdb
