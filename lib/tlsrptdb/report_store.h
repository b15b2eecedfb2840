// The reports that others sent about our policy domains: what they say, and themselves as they came.
//
//     auto reports = ReportStore::open(file, store::Access::owner);
//     reports->begin();
//     reports->add(policy) ...                      as they are read
//     reports->finish(received);                    or drop(), where the rest of the report is bad
//     reports->commit();
//
// A report that its reporter signed is never displaced by what others send under the same name and id, and
// takes the place of the same one without a signature. Of two without, the one with more failures stays: who
// knows the ids of a reporter could send its reports first, without their failures.
//
// What the store holds is limited in bytes: all of it, and what one reporter holds. A reporter with more than
// its share is refused further reports. Where the whole is full, a report is let in at the expense of
// reporters that may be pushed out by its own: those that are not authenticated, where it is; else those of
// its kind whose first report came later. The one that holds the most loses its oldest reports first. Where
// there are none, the report is refused: nobody can push out who was known before, or is authenticated, by
// sending much.
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

namespace starttls::tlsrptdb {

// Where a state directory keeps the reports.
std::filesystem::path report_file(const std::filesystem::path& state_dir);

// One policy of a received report, with what it belongs to.
struct ReportedPolicy {
  std::int64_t report = 0;    // the same for all policies of a report
  std::string signer;         // the domain that vouches for it; "": it is not authenticated
  std::string report_domain;  // TLS-Report-Domain of the mail that it came in; "": none
  tlsrpt::ReportHead head;
  tlsrpt::PolicyResult policy;
};

// A report that was read, apart from its policies.
struct Received {
  const tlsrpt::ReportHead& head;
  std::int64_t identity = 0;  // ReportFingerprint::of() the report
  std::string_view packed;
  Time received;
  std::string reporter;        // who is charged for what it holds
  bool authenticated = false;  // whether that is proven; an authenticated reporter is never one that is not
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
  std::int64_t report = 0;  // the one that is kept
  std::string reason;       // of one that was refused, or that took the place of another with other figures
};

// One reporter may hold one such part of the store.
inline constexpr std::uint64_t reporter_share = 8;

class ReportStore {
 public:
  // Access::read of a file that is not there gives a store without reports. Errors as of open_sqlite_store().
  static Result<ReportStore> open(const std::filesystem::path& file, store::Access access);
  ReportStore(ReportStore&&) noexcept;
  ReportStore& operator=(ReportStore&&) noexcept;
  ~ReportStore();

  // Bytes that all reports may hold together, as this counts them: texts, JSON and what rows take, a little
  // more than they take in the file. Without it there is no limit.
  void set_quota(std::uint64_t bytes);

  // Everything up to commit() is done or nothing. Others wait meanwhile.
  Result<void> begin();
  Result<void> add(const tlsrpt::PolicyResult& policy);
  Result<AddedReport> finish(const Received& received);
  Result<void> drop();
  Result<void> commit();

  // Bytes that were added since begin().
  std::uint64_t uncommitted_size() const;
  // Reports that had to go for others, since the store was opened.
  std::uint64_t evicted() const;

  // Removes reports that ended before the day, or came before it whatever their date, up to `most` of each.
  Result<void> prune(Day before, std::size_t most);

  // The policies of reports that began on the days, of one policy domain or of all, in the order in which
  // they were read. Policy domains are normalised, also those that an older version has kept.
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
