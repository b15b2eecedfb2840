// Who we are in the reports that we send.
#pragma once

#include <string>

#include "config/tlsrpt_toml.h"

namespace starttls::report {

struct Reporter {
  std::string organization;  // organization-name
  std::string contact;       // contact-info
  std::string host;          // this host's full name, in report-ids: each host creates its own reports
  std::string domain;        // the submitter, in mails and file names: the domain of the contact
  std::string sender;        // the sender address of reports
  // The policy domain of sessions without a recipient; empty: see below.
  std::string default_policy_domain;
  std::string min_tls;  // "TLSv1.2": sessions with a lower version count as failed; empty: none do
};

// From [report] of the configuration, and the name of this host.
Reporter reporter_of(const config::ReportConfig& report);

}  // namespace starttls::report
