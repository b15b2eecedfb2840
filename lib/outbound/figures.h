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

namespace starttls::outbound {

// Sessions, that is TLS handshakes of our mail servers with others.
struct Figures {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  // Of the failed ones, those under an MTA-STS policy in mode testing: with enforce, the mail would have waited.
  std::uint64_t failed_in_testing = 0;
  std::optional<Day> last;         // with a result
  std::optional<Day> last_failed;  // with a failure

  std::uint64_t all() const { return successful + failed; }
  Figures& operator+=(const Figures& more);
};

using Groups = std::map<std::string, Figures, std::less<>>;

// "DANE", "MTA-STS enforce", "MTA-STS testing", "MTA-STS" where the mode is not known any more, "no policy",
// "unknown policy", or the policy type as it was reported.
std::string policy_label(const Policy& policy);

// What outbound sessions can be grouped by.
enum class GroupBy { domain, policy, result_type, mx, day };
std::optional<GroupBy> parse_group_by(std::string_view word);

// Names beyond this many are counted together, so that memory is limited: "(others)".
inline constexpr std::size_t max_names = 200'000;
inline constexpr const char* other_names = "(others)";

class Summary {
 public:
  void add(const PolicyOfDay& of, const PolicyCount& count);

  const Figures& total() const { return total_; }
  // By mx and result type there are only failures; one session may have failed in several ways.
  const Groups& by(GroupBy what) const;

 private:
  Figures total_;
  Groups domains_;
  Groups policies_;
  Groups days_;
  Groups result_types_;
  Groups mx_hosts_;
};

// The groups with the most failures first, then those with the most sessions; at most `most`.
std::vector<std::pair<std::string, Figures>> worst_first(const Groups& groups, std::size_t most);

// The domains with failures in testing, those with the most first.
std::vector<std::pair<std::string, Figures>> failing_in_testing(const Groups& domains);

// The domains whose share of failures is over the limit, the worst first.
std::vector<std::pair<std::string, Figures>> failing_domains(const Groups& domains, double failure_share,
                                                             std::uint64_t min_sessions);

}  // namespace starttls::outbound
