#include "report/report_decision.h"

#include "base/domain.h"
#include "base/text.h"

namespace starttls::report {

std::string_view explanation_of(ReportStatus status) {
  switch (status) {
    case ReportStatus::reported:
      return "";
    case ReportStatus::no_domain:
      return "the name is no domain name";
    case ReportStatus::no_record:
      return "no TLSRPT record that names a destination";
    case ReportStatus::no_destination:
      return "the configuration says so ([[destination]])";
    case ReportStatus::suppressed:
      return "mail to each destination came back (tlsrpt-report queue)";
    case ReportStatus::only_our_reports:
      return "our reports were the only mail";
  }
  return "";
}

void drop_suppressed(Decision& decision, const DestinationFacts& facts) {
  std::erase_if(decision.destinations, [&](const tlsrpt::Destination& one) {
    return one.scheme == tlsrpt::Destination::Scheme::mailto &&
           facts.suppressed.contains(to_lower(one.target));
  });
  if (decision.destinations.empty()) decision.status = ReportStatus::suppressed;
}

Decision decide(const OutboundReport& report, const DestinationFacts& facts) {
  if (!DomainName::is_plain(report.domain)) return {.status = ReportStatus::no_domain};
  const auto mails = facts.mails_sent.find(report.domain);
  if (mails != facts.mails_sent.end() && report.sessions_of_domain <= mails->second)
    return {.status = ReportStatus::only_our_reports};
  Decision decision;
  if (const auto found = facts.overrides.find(report.domain); found != facts.overrides.end()) {
    decision.destinations = found->second;
    if (decision.destinations.empty()) return {.status = ReportStatus::no_destination};
  } else if (!report.record.empty()) {
    const auto reading = tlsrpt::read_records({&report.record, 1});
    if (!reading.record) return {.status = ReportStatus::no_record};
    decision.destinations = reading.record->destinations;
  } else {
    return decision;
  }
  drop_suppressed(decision, facts);
  return decision;
}

}  // namespace starttls::report
