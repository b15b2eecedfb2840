#include "report/read_alerts.h"

#include <algorithm>

#include "report/our_domains.h"
#include "report/received_figures.h"
#include "report/silence.h"
#include "store/open_store.h"

namespace starttls::report {

Result<AlertCollection> read_alerts(const Surroundings& surroundings, const AlertSettings& settings, Day day,
                                    const std::optional<std::string>& domain) {
  const config::TlsrptConfig& configuration = surroundings.configuration;
  AlertCollection watch(settings, day, requires_authentication(configuration));
  const store::Period period = watch.period();
  OurDomains facts = our_facts(surroundings, domain);
  SilenceDetector silence(std::min(day, to_day(surroundings.clock()) - std::chrono::days{1}),
                          settings.min_sessions);
  auto done = read_sessions(configuration, silence.period(), [&](const auto& of, const auto& count) {
    facts.add(of, count);
    watch.add(of, count);
    silence.add(of, count);
  });
  if (done) {
    done = read_received(configuration, facts, period, domain, [&](const Reported& reported) {
      if (!domain || reported.whose.is_ours()) watch.add(reported);
    });
  }
  if (!done) return std::unexpected(done.error());
  if (domain) return watch;
  watch.add(silence.alerts());
  const auto downgrades = store::read_downgrades(store_location(configuration), period);
  if (!downgrades) return std::unexpected(downgrades.error());
  for (const store::Downgrade& downgrade : *downgrades) watch.add(downgrade);
  return watch;
}

}  // namespace starttls::report
