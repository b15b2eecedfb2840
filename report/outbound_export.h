// What we tell the publisher of a list about our outbound mail on a day: domains, policies and result types. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "outbound/counts.h"
#include "report/reporter.h"
#include "tlsrpt/report.h"

namespace starttls::report {

// A report of RFC 8460 about all recipient domains together, which "starttls-listtool publish read" reads: the policy
// domain is the recipient domain, a failure has its result type and its number alone. There is no address and no host
// name in it, nor any text of another mail server.
class OutboundExport {
 public:
  OutboundExport(Day day, Reporter reporter) : day_(day), reporter_(std::move(reporter)) {}

  void add(const outbound::PolicyOfDay& of, const outbound::PolicyCount& count);
  tlsrpt::Report take() &&;

 private:
  struct Sessions {
    std::uint64_t successful = 0;
    std::uint64_t failed = 0;
    std::map<std::string, std::uint64_t> failures;  // by result type
  };

  Day day_;
  Reporter reporter_;
  std::map<std::pair<std::string, std::string>, Sessions> domains_;  // by recipient domain and policy type
};

}  // namespace starttls::report
