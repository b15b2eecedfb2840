// The page with metrics of tlsrpt-milter (tlsrpt-milter(8) has the list of names).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "milter/counters.h"
#include "mtalog/follower.h"
#include "store/recorder.h"

namespace starttls::milter {

struct MetricsState {
  Counters counters;
  store::RecorderCounters recorder;
  std::size_t open_connections = 0;
  std::optional<mtalog::LogReading> log;  // none: no log is read
  std::uint64_t metrics_listen_failures = 0;
  Time started;
  Time now;
};

std::string metrics_page(const MetricsState& state);

}  // namespace starttls::milter
