// What every command of tlsrpt-report works with.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "config/tlsrpt_toml.h"
#include "report/report_configuration.h"
#include "store/open_store.h"

namespace starttls::report {

// As it is called in what it says.
inline constexpr const char* report_program = "tlsrpt-report";

struct Surroundings {
  config::TlsrptConfig configuration;
  ReportConfiguration report;
  Clock clock;
  bool json = false;
  bool quiet = false;
  bool from_alias = false;  // a mail server hands over a mail: see alias.h
};

// Where the sessions are.
inline store::StoreLocation store_location(const config::TlsrptConfig& configuration) {
  return {.state_dir = configuration.state_dir, .store_url = configuration.store};
}

// The file of MTA-STS policies that are known.
inline std::filesystem::path policy_cache_of(const Surroundings& surroundings) {
  const std::filesystem::path& cache = surroundings.report.discovery.cache;
  return cache.empty() ? surroundings.configuration.state_dir / "mta-sts.sqlite" : cache;
}

}  // namespace starttls::report
