// What every command of tlsrpt-report works with.
#pragma once

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

}  // namespace starttls::milter
