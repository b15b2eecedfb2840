// The mail servers of this host.
//
// A further mail server has its facts in a file of its own here, and its checks beside report/doctor_postfix.h
// (inbound) and listtool/doctor_postfix.h (outbound).
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "command/options.h"
#include "doctor/check.h"
#include "doctor/exim.h"
#include "doctor/postfix.h"
#include "doctor/sendmail.h"

namespace starttls::doctor {

// Which ones to look at; nothing given: those that are found.
struct MailServerChoice {
  std::filesystem::path postfix_config;  // a directory
  std::filesystem::path sendmail_cf;
  std::filesystem::path exim_config;
};

// --postfix-config, --sendmail-cf and --exim-config
void mail_server_options(command::Options& options, MailServerChoice& choice);

struct MailServers {
  std::optional<Result<Postfix>> postfix;
  std::optional<Result<Sendmail>> sendmail;
  std::optional<Result<Exim>> exim;
};
MailServers read_mail_servers(const MailServerChoice& choice);

// The number that a value in a configuration begins with, such as a level; none if there is no digit.
std::optional<int> leading_number(std::string_view value);

// Whether there is one, whether its configuration can be read, and whether it runs.
Checks mail_server_checks(const MailServers& servers);

}  // namespace starttls::doctor
