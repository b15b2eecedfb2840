// The counters of the server, as a page for Prometheus (text format 0.0.4).
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "listtool/serve/counters.h"
#include "listtool/serve/lists.h"

namespace starttls::listtool::serve {

struct MetricsState {
  const Counters& counters;
  const Lists& lists;
  Time started;
  Time now;
  std::uint64_t listen_failures = 0;  // how often the socket of the page could not be created
};

std::string metrics_page(const MetricsState& state);

}  // namespace starttls::listtool::serve
