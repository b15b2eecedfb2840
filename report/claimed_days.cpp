#include "report/claimed_days.h"

#include "base/try.h"
#include "report/reporter.h"
#include "store/writer.h"

namespace starttls::report {

Result<std::optional<outbound::ReportClaims>> claims_of(const Context& context) {
  const auto location = store_location(context.configuration);
  if (location.store_url.empty()) return std::nullopt;
  auto writer = TRY(store::writer_id(location.state_dir));
  return outbound::ReportClaims(location.store_url, std::move(writer),
                                reporter_of(context.configuration.report).host);
}

Result<void> settle(ReportSender& sender, const std::optional<outbound::ReportClaims>& claims) {
  for (const Day day : TRY(sender.held_days())) {
    std::optional<outbound::ReportClaim> claim;
    if (claims) claim = TRY(claims->find(day));
    if (!claim || !claim->is_ours) {
      TRY(sender.remove_held(day));
    } else if (claim->is_queued) {
      TRY(sender.release(day));
    }
  }
  return {};
}

}  // namespace starttls::report
