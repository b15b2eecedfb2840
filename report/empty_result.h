// Explanations for an empty answer: why there may be nothing to show, and for which days there are figures.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "report/policy_owner.h"
#include "store/store.h"

namespace starttls::report {

// All that is recorded, not only on the requested days.
struct Recorded {
  std::optional<Day> first;  // with a session; none: nothing was ever recorded
  std::optional<Day> last;
  std::uint64_t sessions = 0;                    // on the requested days
  std::map<std::string, std::uint64_t> domains;  // of recipients on these days, with their sessions
  std::optional<Day> last_of_domain;             // with a session of the requested domain
};

// Reads everything that is recorded. Use it only for an empty answer. Errors as of the stores.
Result<Recorded> read_recorded(const config::TlsrptConfig& configuration, const store::Period& period,
                               const std::optional<std::string>& domain);

// Why no session of the days is shown: one or two sentences. `state_dir` is where sessions would be recorded.
std::string why_no_sessions(const Recorded& recorded, const std::string& state_dir,
                            const store::Period& period, const std::optional<std::string>& domain);

// The last day of received reports about our policy domains, or about the given one. None: there is no such
// report. Reads all reports.
Result<std::optional<Day>> last_received(const config::TlsrptConfig& configuration, const OurDomains& ours,
                                         const std::optional<std::string>& domain);

// Why no received report of the days is shown.
std::string why_no_reports(std::optional<Day> last, const store::Period& period,
                           const std::optional<std::string>& domain);

// "on 2026-11-22", "from 2026-11-20 to 2026-11-22"
std::string on_days(const store::Period& period);

}  // namespace starttls::report
