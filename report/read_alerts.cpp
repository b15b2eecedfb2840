#include "report/read_alerts.h"

#include <algorithm>

#include "base/try.h"
#include "report/our_domains.h"
#include "report/outbound_alerts.h"
#include "report/outbound_summary.h"
#include "report/received_figures.h"
#include "report/silence.h"
#include "store/open_store.h"

namespace starttls::report {

Result<AlertCollection> read_alerts(const Context& context, const AlertSettings& settings, Day day,
                                    const std::optional<std::string>& domain) {
  const config::TlsrptConfig& configuration = context.configuration;
  AlertCollection watch(settings, day, requires_authentication(configuration));
  const store::Period period = watch.period();
  OurDomains ours = load_our_domains(context, domain);
  SilenceDetector silence(std::min(day, to_day(context.clock()) - std::chrono::days{1}),
                          settings.min_sessions);
  // A host that only sends mail has no inbound sessions.
  OutboundContent outbound;
  if (!domain) outbound = TRY(read_outbound(context, {.since = day, .until = day}, std::nullopt));
  auto done =
      read_sessions(configuration, silence.period(), [&](const auto& session_class, const auto& count) {
        ours.add(session_class, count);
        watch.add(session_class, count);
        silence.add(session_class, count);
      });
  if (done || (done.error().fault == Fault::unavailable && outbound.was_received)) {
    done = read_received(configuration, ours, period, domain, [&](const Reported& reported) {
      if (!domain || reported.owner.is_ours()) watch.add(reported);
    });
  }
  if (!done) return std::unexpected(done.error());
  if (domain) return watch;
  watch.add(silence.alerts());
  const auto downgrades = TRY(store::read_downgrades(store_location(configuration), period));
  for (const store::Downgrade& downgrade : downgrades) watch.add(downgrade);
  watch.add(outbound_alerts(outbound.summary, settings));
  return watch;
}

}  // namespace starttls::report
