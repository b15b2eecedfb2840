// What every command of tlsrpt-report works with.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "milter/configuration.h"
#include "milter/report/report_configuration.h"

namespace starttls::milter {

// As it is called in what it says.
inline constexpr const char* report_program = "tlsrpt-report";

struct Surroundings {
  Configuration configuration;
  ReportConfiguration report;
  Clock clock;
  bool json = false;
  bool quiet = false;
  bool from_alias = false;  // a mail server hands over a mail: see alias.h
};

// The file of MTA-STS policies that are known.
inline std::filesystem::path policy_cache_of(const Surroundings& surroundings) {
  const std::filesystem::path& cache = surroundings.report.discovery.cache;
  return cache.empty() ? surroundings.configuration.state_dir / "mta-sts.sqlite" : cache;
}

}  // namespace starttls::milter
