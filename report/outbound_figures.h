// Figures of our outbound mail, from the results that tlsrpt-collector has counted. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "outbound/counts.h"

namespace starttls::report {

// Sessions, that is TLS handshakes of our mail servers with others.
struct OutboundFigures {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  // Of the failed ones, those under an MTA-STS policy in mode testing: with enforce, the mail would have waited.
  std::uint64_t failed_in_testing = 0;
  std::optional<Day> last;         // with a result
  std::optional<Day> last_failed;  // with a failure

  std::uint64_t all() const { return successful + failed; }
  OutboundFigures& operator+=(const OutboundFigures& more);
};

using OutboundGroups = std::map<std::string, OutboundFigures, std::less<>>;

// "DANE", "MTA-STS enforce", "MTA-STS testing", "MTA-STS" where the mode is not known any more, "no policy",
// "unknown policy", or the policy type as it was reported.
std::string policy_label(const outbound::Policy& policy);

// What outbound sessions can be grouped by.
enum class OutboundBy { domain, policy, result_type, mx, day };
std::optional<OutboundBy> parse_outbound_by(std::string_view word);

// Names beyond this many are counted together, so that memory is limited: "(others)".
inline constexpr std::size_t max_outbound_names = 200'000;
inline constexpr const char* other_names = "(others)";

class OutboundSummary {
 public:
  void add(const outbound::PolicyOfDay& of, const outbound::PolicyCount& count);

  const OutboundFigures& total() const { return total_; }
  // By mx and result type there are only failures; one session may have failed in several ways.
  const OutboundGroups& by(OutboundBy what) const;

 private:
  OutboundFigures total_;
  OutboundGroups domains_;
  OutboundGroups policies_;
  OutboundGroups days_;
  OutboundGroups result_types_;
  OutboundGroups mx_hosts_;
};

// The groups with the most failures first, then those with the most sessions; at most `most`.
std::vector<std::pair<std::string, OutboundFigures>> worst_first(const OutboundGroups& groups,
                                                                 std::size_t most);

// The domains whose share of failures is over the limit, the worst first.
std::vector<std::pair<std::string, OutboundFigures>> failing_domains(const OutboundGroups& domains,
                                                                     double failure_share,
                                                                     std::uint64_t min_sessions);

}  // namespace starttls::report
