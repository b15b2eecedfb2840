// Takes reports (RFC 8460) about the domains of the list, which anybody sends: as evidence that is shown.
//
//     file | mail | POST -> document -> known domains in it -> ReportDb -> `why`, `status`, promotion
//
// Only domains count that are known and not removed. Of the senders nothing is kept but the name of the reporting
// organization; no addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/file.h"
#include "base/result.h"
#include "listing/deliveries.h"
#include "listingdb/report_db.h"
#include "listtool/publish/publisher.h"
#include "tlsrpt/report_reader.h"
#include "tlsrptdb/report_fingerprint.h"

namespace starttls::listtool::publish {

// What a report says about the list.
struct ReadReport {
  std::string reporter;  // as it calls itself, printable
  Day day;
  std::size_t domains = 0;  // of the list
  std::uint64_t sessions = 0;
  std::uint64_t failed = 0;
  bool is_new = true;        // false: it was there already
  std::size_t left_out = 0;  // domains beyond the limits of ReportDb
};

class ReportTaker {
 public:
  // Errors of Publisher::open_to_read(), check_owner() and ReportDb::open().
  static Result<ReportTaker> open(const Context& context);

  // A document, JSON or gzip. The outer error is of the state; the inner one is of the document, Fault::data: it is no
  // report, or its day is in the future or longer ago than reports are kept.
  Result<Result<ReadReport>> take(const ReadBytes& document);

 private:
  ReportTaker(Publisher publisher, listingdb::ReportDb reports);

  Publisher publisher_;
  listingdb::ReportDb reports_;
  tlsrpt::ReportReader reader_{false};
  tlsrptdb::ReportFingerprint fingerprint_;
};

// Removes what is older than `listingdb::kept_days`.
Result<void> prune_reports(const Publisher& publisher);

// Of a domain, in the last days in which reports count; of the last `kept_days` with `all`. None where no report was ever
// taken.
class Deliveries {
 public:
  static Result<Deliveries> open(const Publisher& publisher);

  Result<std::vector<listing::DeliveryReport>> all(const DomainName& domain);
  Result<listing::DeliverySums> recent(const DomainName& domain);
  // Domains of which sessions failed recently, with their sums.
  Result<std::map<DomainName, listing::DeliverySums>> failing();

 private:
  Deliveries(std::optional<listingdb::ReportDb> reports, Day today)
      : reports_(std::move(reports)), today_(today) {}

  std::optional<listingdb::ReportDb> reports_;
  Day today_;
};

}  // namespace starttls::listtool::publish
