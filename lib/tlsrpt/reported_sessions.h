// Numbers of sessions in received reports.
#pragma once

#include <cstdint>

#include "base/saturated.h"
#include "tlsrpt/report.h"

namespace starttls::tlsrpt {

struct ReportedSessions {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;

  std::uint64_t all() const { return saturated_sum(successful, failed); }
  void add(std::uint64_t more_successful, std::uint64_t more_failed) {
    add_saturated(successful, more_successful);
    add_saturated(failed, more_failed);
  }
  void add(const PolicyResult& policy) { add(policy.successful_sessions, policy.failed_sessions); }
};

}  // namespace starttls::tlsrpt
