// Which host makes the reports about a day, where hosts share a store in PostgreSQL: each of them may start to, and one
// does.
//
// A host claims the day for claim_time, puts all reports into a queue of its own, which holds them back, and then says
// that they are queued. Only then it sends them. If it dies before, another host claims the day once the time is over,
// and the first one can no longer say so: what it holds is never sent. The report-ids name the host that claimed the
// day first, on whichever host they are made.
//
// All times are those of the database: the hosts' clocks need not agree.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::outbound {

// tlsrpt-report@.service has ended, or was ended, after this time.
inline constexpr std::chrono::hours claim_time{1};

// Days whose claim was not kept are made later than usual, but no later than this.
inline constexpr std::chrono::days max_late{7};

struct ReportClaim {
  bool is_ours = false;
  bool is_queued = false;   // all reports are in the queue of the host that has the claim
  std::string report_host;  // in the report-ids
  std::string writer_host;  // the host that has the claim
};

// Connects to the database for each question, as hours may lie between them.
class ReportClaims {
 public:
  // `writer`: as of store/writer.h; `host`: the name of this host.
  ReportClaims(std::string url, std::string writer, std::string host)
      : url_(std::move(url)), writer_(std::move(writer)), host_(std::move(host)) {}

  // Errors of all of these as of open_store() with Access::read.

  // Claims the day, unless another host has queued its reports, or has claimed it and has time left. Returns who has
  // the claim then. Fault::temporary where the day is not over by the clock of the database.
  Result<ReportClaim> claim(Day day) const;
  // Says that the reports are queued. False if another host has claimed the day meanwhile.
  Result<bool> set_queued(Day day) const;
  // Nothing where nobody has claimed the day.
  Result<std::optional<ReportClaim>> find(Day day) const;
  // The days of the last max_late that this host can claim, because the host that claimed them has not queued their
  // reports.
  Result<std::vector<Day>> unfinished() const;

 private:
  std::string url_;
  std::string writer_;
  std::string host_;
};

}  // namespace starttls::outbound
