// The page with metrics of tlsrpt-collector (tlsrpt-collector(8) has the list of names).
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "collector/receiver.h"
#include "outbound/recorder.h"

namespace starttls::collector {

struct MetricsState {
  ReceiverCounters receiver;
  outbound::RecorderCounters recorder;
  std::uint64_t reloads = 0;
  std::uint64_t reloads_failed = 0;
  std::uint64_t metrics_listen_failures = 0;
  Time started;
  Time now;
};

std::string metrics_page(const MetricsState& state);

}  // namespace starttls::collector
