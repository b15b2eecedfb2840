// Which services of the mail server the milter watches, as far as failures show it that are in its log.
//
// The log names a service by what Postfix calls syslog_name, or by Sendmail's name of the daemon; a milter
// knows ports and names of daemons. What brings both together are failures that were found in the log and
// belong to a session that the milter saw: that tells whether the service is one whose sessions are recorded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace starttls::store {

class Services {
 public:
  // More are not remembered: names come from the log.
  static constexpr std::size_t max_services = 100;
  // Beyond so many failures the older ones count less, so that a change of the mail server's services shows.
  static constexpr std::uint32_t max_failures = 1000;

  struct Failures {
    std::uint32_t recorded = 0;  // of sessions that are recorded
    std::uint32_t other = 0;     // of sessions that are not, or that the milter did not see
    bool operator==(const Failures&) const = default;
  };

  void add(const std::string& service, Failures failures);

  // Whether most failures of the service were of sessions that are recorded. False of one that is not known.
  bool is_recorded(const std::string& service) const;

  bool empty() const { return failures_.empty(); }
  const std::map<std::string, Failures>& failures() const { return failures_; }

  // One line a service: {"service":"postfix","recorded":7,"other":1}. Lines that are no such line are passed
  // over.
  std::string to_lines() const;
  // Whether the line is of that form; then it was added.
  bool add_line(std::string_view line);

  bool operator==(const Services&) const = default;

 private:
  std::map<std::string, Failures> failures_;
};

}  // namespace starttls::store
