// The page with metrics of tlsrpt-collector (tlsrpt-collector(8) has the list of names).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "collector/receiver.h"
#include "mtalog/follower.h"
#include "outbound/recorder.h"

namespace starttls::collector {

struct MetricsState {
  ReceiverCounters receiver;
  outbound::RecorderCounters recorder;
  std::optional<mtalog::LogReading> log;  // none: no log is read
  std::uint64_t log_handshakes = 0;       // found in it
  std::uint64_t reloads = 0;
  std::uint64_t reloads_failed = 0;
  std::uint64_t metrics_listen_failures = 0;
  Time started;
  Time now;
};

std::string metrics_page(const MetricsState& state);

}  // namespace starttls::collector
