// Whether there is a report about outbound mail to a domain, and where it goes. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.h"
#include "report/outbound_report.h"
#include "tlsrpt/record.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {

enum class ReportStatus {
  reported,
  no_domain,         // what the mail server sent to has no name of a domain, such as an address literal
  no_record,         // no usable record: nobody asks for it
  no_destination,    // the configuration says so
  suppressed,        // mail to each destination came back
  only_our_reports,  // the only mails that we sent there were reports (RFC 8460 section 5.3)
};
inline constexpr auto report_status_words =
    enum_words<ReportStatus>({{ReportStatus::reported, "reported"},
                              {ReportStatus::no_domain, "no-domain"},
                              {ReportStatus::no_record, "no-record"},
                              {ReportStatus::no_destination, "no-destination"},
                              {ReportStatus::suppressed, "suppressed"},
                              {ReportStatus::only_our_reports, "only-our-reports"}});

// "no TLSRPT record that names a destination": why there is no report, a part of a sentence; "" where there is one.
std::string_view explanation_of(ReportStatus status);

struct Decision {
  ReportStatus status = ReportStatus::reported;
  std::vector<tlsrpt::Destination> destinations;  // none where the record is looked up when it is due
};

// What reports are decided by.
struct DestinationFacts {
  // [[destination]] of the configuration: by domain.
  std::map<std::string, std::vector<tlsrpt::Destination>> overrides;
  // Mails with reports that were sent on the day of the report, by the domain of their address.
  std::map<std::string, std::uint64_t> mails_sent;
  std::set<std::string> suppressed;  // addresses, in lower case
};

// Leaves out the addresses from which mail came back. Without any other destination the report is suppressed.
void drop_suppressed(Decision& decision, const DestinationFacts& facts);

// A domain with no more sessions than mails with reports that we sent it got nothing else. The destinations are those of
// the configuration, else those of the record as it was when the mail was sent.
Decision decide(const OutboundReport& report, const DestinationFacts& facts);

}  // namespace starttls::report
