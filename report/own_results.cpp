#include "report/own_results.h"

#include <chrono>
#include <cstdint>

#include "base/try.h"
#include "outbound/open_store.h"
#include "report/outbound_report.h"
#include "report/reporter.h"

namespace starttls::report {

Result<void> read_own_results(const Context& context, const OurDomains& ours, const store::Period& period,
                              const std::optional<std::string>& domain, const ReportedSink& take) {
  if (ours.domains.empty()) return {};
  const Reporter reporter = reporter_of(context.configuration.report);
  ReportAssembler reports(ours, nullptr, take);
  std::int64_t number = 0;  // those of received reports are positive
  const auto read = outbound::read_counts(
      store_location(context.configuration), period, domain.value_or(""),
      [&](const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) -> Result<void> {
        if (!ours.has(of.policy.domain)) return {};
        reports.add({.report = --number,
                     .signer = reporter.domain,
                     .report_domain = of.policy.domain,
                     .head = {.organization_name = own_results_name,
                              .begin = Time{of.day},
                              .end = Time{of.day} + std::chrono::days{1} - std::chrono::seconds{1},
                              .contact_info = reporter.contact,
                              .report_id = ""},
                     .policy = policy_result(of.policy, count)});
        return {};
      });
  if (!read && read.error().fault != Fault::unavailable) return std::unexpected(read.error());
  reports.finish();
  return {};
}

}  // namespace starttls::report
