// The mail that a TLS report travels in (RFC 8460 section 5.3), made with GMime.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::mail {

struct ReportMail {
  std::string from;           // an address
  std::string to;             // an address
  std::string policy_domain;  // TLS-Report-Domain
  std::string submitter;      // TLS-Report-Submitter: the reporter's domain
  std::string report_id;      // without angle brackets; the message-id is made of it
  Time date;
  std::string file_name;       // of the attachment
  std::string_view json_gzip;  // the report
};

// The message, with CRLF at the ends of its lines. The same report gives the same message-id. Fault::data
// where an address is none.
Result<std::string> compose(const ReportMail& mail);

}  // namespace starttls::mail
