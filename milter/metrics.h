// The metrics page of tlsrpt-milter (tlsrpt-milter(8) has the table of names).
#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "milter/counters.h"
#include "store/recorder.h"

namespace starttls::milter {

struct MetricsState {
  const Counters& counters;
  store::RecorderCounters recorder;
  std::size_t open_connections = 0;
  bool follows_log = false;
  Time started;
  Time now;
};

std::string metrics_page(const MetricsState& state);

}  // namespace starttls::milter
