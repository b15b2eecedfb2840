// Finds the domain that signed a received report (RFC 8460 section 3): "Reports sent via SMTP MUST contain a
// valid DKIM signature by the reporting domain. Reports lacking such a signature MUST be ignored by the
// recipient."
//
// Our own mail servers check the signatures. Their results are in the field Authentication-Results (RFC 8601)
// of the mail that contained the report. The rules:
//
// - A field is used only if its authserv-id is one of report.trusted_authserv_ids: the whole id, ignoring
//   case.
// - The topmost such field with a result of DKIM decides. All fields below it are ignored, since a mail
//   server adds its fields at the top. Fields without a result of DKIM are skipped: filters for SPF and DMARC
//   write fields of their own. The position among the Received fields does not matter: milters add their
//   field below the one that Postfix adds. So the trusted server must do two things: remove fields with its
//   own authserv-id from incoming mail (RFC 8601 section 5 demands it), and write a result for each mail,
//   even if it is "none".
// - A signer is the header.d, or without it the domain of header.i, of a result "dkim=pass". It does not
//   count if the mail has a signature of the same domain with an l=: anybody may have appended text to such a
//   mail, and RFC 8460 section 3 forbids l=.
// - The reporting domain is that of the report's contact-info, which the signature covers. If it has none, it
//   is the domain in TLS-Report-Submitter, otherwise the one of From.
// - Both must have the same registrable domain (organizational domain, RFC 7489 section 3.2): many reports
//   are signed by a parent or child domain, and RFC 8460 does not specify alignment.
//
// A report that was not in a mail is not authenticated, unless the caller trusts it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "mail/fields.h"
#include "mail/random_access_file.h"
#include "store/senders.h"
#include "tlsrpt/report.h"

namespace starttls::report {

// The origin of a report, from the mail that contained it.
struct ReportOrigin {
  std::vector<std::string> signers;  // domains whose DKIM signature our servers found valid
  std::string unsigned_reason;       // why there are no signers: a part of a sentence
  std::string submitter;             // TLS-Report-Submitter, a domain; may be empty
  std::string from;                  // the domain of From; may be empty
  std::string report_domain;         // TLS-Report-Domain; may be empty
};

// From the fields of a mail, the topmost first. `trusted`: authserv-ids in lower case.
ReportOrigin report_origin(const std::vector<mail::Field>& fields, const std::vector<std::string>& trusted);

// From a mail in a source.
Result<ReportOrigin> report_origin(const mail::RandomAccessFile& source, std::uint64_t begin,
                                   std::uint64_t end, const std::vector<std::string>& trusted);

struct Authentication {
  std::string signer;  // the registrable domain that signed the report; "": it is not authenticated
  std::string reason;  // why it is not authenticated, a part of a sentence
};

// The registrable domain of contact-info; "" if it has none.
std::string reporting_domain(const tlsrpt::ReportHead& head, const store::SendingDomainFinder& registrable);

Authentication authenticate(const ReportOrigin& origin, const tlsrpt::ReportHead& head,
                            const store::SendingDomainFinder& registrable);

}  // namespace starttls::report
