#include "report/report_fate.h"

#include "base/domain.h"
#include "base/text.h"

namespace starttls::report {

std::string_view explanation_of(Fate fate) {
  switch (fate) {
    case Fate::reported:
      return "";
    case Fate::no_domain:
      return "the name is no domain name";
    case Fate::no_record:
      return "no TLSRPT record that names a destination";
    case Fate::no_destination:
      return "the configuration says so ([[destination]])";
    case Fate::suppressed:
      return "mail to each destination came back (tlsrpt-report queue)";
    case Fate::only_our_reports:
      return "our reports were the only mail";
  }
  return "";
}

void drop_suppressed(Decision& decision, const DestinationFacts& facts) {
  std::erase_if(decision.destinations, [&](const tlsrpt::Destination& one) {
    return one.scheme == tlsrpt::Destination::Scheme::mailto &&
           facts.suppressed.contains(to_lower(one.target));
  });
  if (decision.destinations.empty()) decision.fate = Fate::suppressed;
}

Decision decide(const OutboundReport& report, const DestinationFacts& facts) {
  if (!DomainName::is_plain(report.domain)) return {.fate = Fate::no_domain};
  const auto mails = facts.mails_sent.find(report.domain);
  if (mails != facts.mails_sent.end() && report.sessions_of_domain <= mails->second)
    return {.fate = Fate::only_our_reports};
  Decision decision;
  if (const auto found = facts.overrides.find(report.domain); found != facts.overrides.end()) {
    decision.destinations = found->second;
    if (decision.destinations.empty()) return {.fate = Fate::no_destination};
  } else if (!report.record.empty()) {
    const auto reading = tlsrpt::read_records({&report.record, 1});
    if (!reading.record) return {.fate = Fate::no_record};
    decision.destinations = reading.record->destinations;
  } else {
    return decision;
  }
  drop_suppressed(decision, facts);
  return decision;
}

}  // namespace starttls::report
