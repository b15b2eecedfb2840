// `tlsrpt-report summary --outbound`: how our own mail was protected.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "outbound/counts.h"
#include "outbound/figures.h"
#include "report/context.h"
#include "store/store.h"

namespace starttls::report {

struct OutboundRequest {
  store::Period period;
  std::optional<std::string> domain;
  std::optional<outbound::GroupBy> by;  // none: an overview
  bool csv = false;
};

// What was counted on the days. A store that does not exist has nothing.
struct OutboundContent {
  outbound::Summary summary;
  outbound::DayTotal days;
  bool was_received = false;  // whether a collector has ever received anything
  std::string why_empty;      // a sentence, if there is nothing
};
Result<OutboundContent> read_outbound(const Context& context, const store::Period& period,
                                      const std::optional<std::string>& domain);

// The answer, as text, CSV or JSON.
Result<std::string> outbound_summary(const OutboundRequest& request, const Context& context);

}  // namespace starttls::report
