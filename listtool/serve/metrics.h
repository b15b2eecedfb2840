// The counters of the server, as a page for Prometheus (text format 0.0.4).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"
#include "listtool/serve/counters.h"
#include "listtool/serve/lists.h"

namespace starttls::listtool::serve {

// `listen_failures`: how often the socket of the page could not be created.
std::string metrics_page(const Counters& counters, const Lists& lists, Time started, Time now,
                         std::uint64_t listen_failures);

}  // namespace starttls::listtool::serve
