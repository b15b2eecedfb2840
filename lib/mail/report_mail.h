// The mail that carries a TLS report (RFC 8460 section 5.3), composed with GMime.
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
  std::string report_id;      // without angle brackets; the Message-ID is derived from it
  Time date;
  std::string file_name;       // of the attachment
  std::string_view json_gzip;  // the report
};

// The message, with CRLF line ends. The same report gives the same Message-ID. Fault::data where an address
// is invalid.
Result<std::string> compose(const ReportMail& mail);

}  // namespace starttls::mail
