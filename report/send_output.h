// What tlsrpt-report send prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "outbound/counts.h"
#include "report/report_decision.h"

namespace starttls::report {

inline constexpr std::size_t max_shown = 1'000;  // domains in the table of --dry-run

// A report that would be sent.
struct PlannedReport {
  std::string domain;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  Decision decision;
};

struct SendTotals {
  std::map<ReportStatus, std::uint64_t> domains;
  outbound::DayTotal day;
};

// What a run has done for a day.
struct QueuedDay {
  Day day;
  std::string other_host;  // that makes the reports; then nothing was done
  SendTotals totals;
  std::uint64_t queued = 0;  // deliveries
};

// Of --dry-run.
std::string to_text(const std::vector<PlannedReport>& lines, const SendTotals& totals, Day day);
std::string to_json(const std::vector<PlannedReport>& lines, const SendTotals& totals, Day day);

// Of days that were sent. The first one is the day that was asked for.
std::string to_text(const std::vector<QueuedDay>& days);
std::string to_json(const std::vector<QueuedDay>& days);

}  // namespace starttls::report
