// MX hosts that have recorded no session for longer than they should: a milter that died, or that the mail
// server does not reach, records nothing, and with milter_default_action = accept nobody else notices.
//
// Each host is measured by its own past. It is silent for longer than it should be where
//
//   - it has no session on the last whole days,
//   - these are more days than its longest silence in the 28 days before they began, and
//   - in these 28 days it had sessions on at least seven days, and at least so many in all as a share needs
//   to say
//     something (AlertSettings::min_sessions).
//
// A host that is idle at weekends is so for two days every week, and is missed on the third. The same holds
// for all hosts together, and is said once then.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/alerts.h"

namespace starttls::report {

inline constexpr std::chrono::days silence_baseline{28};
inline constexpr std::chrono::days silence_window{35};
inline constexpr std::uint64_t min_days_with_sessions = 7;

using SessionsByDay = std::map<Day, std::uint64_t>;

struct Silence {
  std::chrono::days days{0};  // without a session, up to the last whole day
  std::chrono::days longest_before{0};
  std::uint64_t days_with_sessions = 0;  // of the baseline
};

// Of one host, or of all. Days after `last`, which is whole, do not count as silence, but as sessions.
std::optional<Silence> find_silence(const SessionsByDay& sessions, Day last, std::uint64_t min_sessions);

class SilenceDetector {
 public:
  // `last` is the last whole day that is looked at.
  SilenceDetector(Day last, std::uint64_t min_sessions) : last_(last), min_sessions_(min_sessions) {}

  // The days that sessions are wanted of.
  store::Period period() const {
    return {.since = last_ - silence_window, .until = last_ + std::chrono::days{1}};
  }

  void add(const store::SessionClass& of, const store::ClassCount& count);
  std::vector<Alert> alerts() const;

 private:
  Day last_;
  std::uint64_t min_sessions_;
  SessionsByDay all_;
  std::map<std::string, SessionsByDay> hosts_;
};

}  // namespace starttls::report
