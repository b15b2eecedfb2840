// Which services of the mail server have their sessions recorded, as failures in the log show.
//
// The log names a service by Postfix' syslog_name, or by Sendmail's name of the daemon; the milter gets ports
// and names of daemons. A failure in the log that belongs to a session of the milter shows which service that
// session was of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace starttls::store {

class Services {
 public:
  // Further ones are ignored: the names come from the log.
  static constexpr std::size_t max_services = 100;
  // With more failures, older ones count less, so that a change of the mail server's services shows.
  static constexpr std::uint32_t max_failures = 1000;

  struct Failures {
    std::uint32_t recorded = 0;  // of sessions that are recorded
    std::uint32_t other = 0;     // of sessions that are not, or that the milter did not see
    bool operator==(const Failures&) const = default;
  };

  void add(const std::string& service, Failures failures);

  // Whether most failures of the service were of sessions that are recorded. False for an unknown one.
  bool is_recorded(const std::string& service) const;

  bool empty() const { return failures_.empty(); }
  const std::map<std::string, Failures>& failures() const { return failures_; }

  // One line a service: {"service":"postfix","recorded":7,"other":1}.
  std::string to_lines() const;
  // Whether the line has that form, and was added.
  bool add_line(std::string_view line);

  bool operator==(const Services&) const = default;

 private:
  std::map<std::string, Failures> failures_;
};

}  // namespace starttls::store
