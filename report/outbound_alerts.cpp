#include "report/outbound_alerts.h"

#include <ranges>

#include "base/counted.h"
#include "base/text.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_domains = 10;

}  // namespace

std::vector<Alert> outbound_alerts(const outbound::Summary& day, const AlertSettings& settings) {
  std::vector<Alert> alerts;
  const auto failing = outbound::failing_domains(day.by(outbound::GroupBy::domain), settings.failure_share,
                                                 settings.min_sessions);
  for (const auto& [domain, f] : failing | std::views::take(max_domains)) {
    alerts.push_back({.kind = "outbound-failures",
                      .message = fmt::format(
                          "{} of {} of our own mail to {} failed ({}); see tlsrpt-report summary --outbound "
                          "--domain {}.",
                          f.failed, counted(f.all(), "session"), printable(domain, 200),
                          percent(f.failed, f.all()), printable(domain, 200))});
  }
  if (failing.size() > max_domains) {
    alerts.push_back(
        {.kind = "outbound-failures",
         .message = fmt::format("Sessions to {} failed as often; see tlsrpt-report summary --outbound.",
                                counted(failing.size() - max_domains, "further domain"))});
  }
  return alerts;
}

}  // namespace starttls::report
