// What reports (RFC 8460) of others say about deliveries to the domains of a list that we publish: one SQLite file of its
// own, so that reports can be taken at any time, whatever else runs.
//
// Errors are those of sqlite.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "listing/deliveries.h"
#include "sqlite/sqlite.h"

namespace starttls::listingdb {

// Anybody can send reports, so what they leave is limited: further reporters of a domain and day, and all new ones in a
// full file, are left out.
inline constexpr std::size_t max_reporters = 200;         // of a domain on a day
inline constexpr std::size_t max_deliveries = 1'000'000;  // of all domains, days and reporters
inline constexpr std::size_t max_failure_types = 20;      // of one of these; the others are "other"
inline constexpr std::chrono::days kept_days{90};         // older ones are removed

struct ReportLimits {
  std::size_t reporters = max_reporters;
  std::size_t deliveries = max_deliveries;
};

// A report, as far as it is about domains of the list.
struct TakenReport {
  std::int64_t fingerprint = 0;  // equal for the same report
  Day day;
  std::vector<std::pair<DomainName, listing::DeliveryReport>> deliveries;  // each domain once
};

struct Taken {
  bool is_new = true;        // false: it was there already, and nothing has changed
  std::size_t left_out = 0;  // domains of which it was beyond a limit
};

class ReportDb {
 public:
  // Creates the file if there is none. Fault::data where it is of another kind.
  static Result<ReportDb> open(const std::filesystem::path& file, ReportLimits limits = {});

  // All of it, or nothing.
  Result<Taken> take(const TakenReport& report);
  // Of a domain, from that day on, by day and reporter.
  Result<std::vector<listing::DeliveryReport>> find(const DomainName& domain, Day from);
  // Of each domain that has some with failures, from that day on.
  Result<std::map<DomainName, std::vector<listing::DeliveryReport>>> with_failures(Day from);
  // Removes what is older than that day.
  Result<void> prune(Day oldest);

 private:
  ReportDb(sqlite::Database database, ReportLimits limits)
      : database_(std::move(database)), limits_(limits) {}

  sqlite::Database database_;
  ReportLimits limits_;
};

}  // namespace starttls::listingdb
