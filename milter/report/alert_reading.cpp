#include "milter/report/alert_reading.h"

#include <algorithm>

#include "milter/report/our_facts.h"
#include "milter/report/received_figures.h"
#include "milter/report/silence.h"
#include "store/ledger.h"

namespace starttls::milter {

Result<AlertWatch> read_alerts(const Surroundings& surroundings, const AlertSettings& settings, Day day,
                               const std::optional<std::string>& domain) {
  const Configuration& configuration = surroundings.configuration;
  AlertWatch watch(settings, day, wants_authenticated(configuration));
  const store::Period period = watch.period();
  OurFacts facts = our_facts(surroundings, domain);
  SilenceWatch silence(std::min(day, day_of(surroundings.clock()) - std::chrono::days{1}),
                       settings.least_sessions);
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
  const auto downgrades = store::read_downgrades(place_of(configuration), period);
  if (!downgrades) return std::unexpected(downgrades.error());
  for (const store::Downgrade& downgrade : *downgrades) watch.add(downgrade);
  return watch;
}

}  // namespace starttls::milter
