// Finds MX hosts that have recorded no session for too long. A milter that has crashed, or that the mail
// server does not reach, records nothing, and with milter_default_action = accept there is no other sign of
// it. Pure.
//
// Each host is compared with its own past. It is silent for too long if
//
//   - it has no session on the last whole days,
//   - these are more days than its longest silence in the 28 days before they began, and
//   - in these 28 days it had sessions on at least seven days, and at least AlertSettings::min_sessions in
//     all.
//
// A host that is idle at weekends is silent for two days every week, and is reported on the third day. The
// same rule applies to all hosts together, which is one alert.
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
  std::uint64_t days_with_sessions = 0;  // of the 28 days before
};

// For one host, or for all. Days after `last`, which is a whole day, do not count as silence, but as
// sessions.
std::optional<Silence> find_silence(const SessionsByDay& sessions, Day last, std::uint64_t min_sessions);

class SilenceDetector {
 public:
  // `last` is the last whole day that is examined.
  SilenceDetector(Day last, std::uint64_t min_sessions) : last_(last), min_sessions_(min_sessions) {}

  // The days whose sessions must be added.
  store::Period period() const {
    return {.since = last_ - silence_window, .until = last_ + std::chrono::days{1}};
  }

  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  std::vector<Alert> alerts() const;

 private:
  Day last_;
  std::uint64_t min_sessions_;
  SessionsByDay all_;
  std::map<std::string, SessionsByDay> hosts_;
};

}  // namespace starttls::report
