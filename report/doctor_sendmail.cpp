#include "report/doctor_sendmail.h"

#include <fmt/format.h>

#include <algorithm>

#include "doctor/mail_servers.h"

namespace starttls::report {
namespace {

using namespace doctor;

constexpr int min_log_level = 9;  // that shows why a handshake failed

Checks server_certificate_checks(const InboundFacts& facts, const Sendmail& sendmail) {
  const CertificateCommands commands{.set =
                                         "in sendmail.mc: define(`confSERVER_CERT', ...) and confSERVER_KEY\n"
                                         "make -C /etc/mail && systemctl restart sendmail",
                                     .reload = "systemctl restart sendmail"};
  if (!certificate_files(sendmail).empty()) return certificate_checks(facts, "Sendmail", commands);
  return {fault("smtpd-certificate", "Sendmail",
                {.seen = "confSERVER_CERT is not set",
                 .why = "Without a certificate no sender can use TLS.",
                 .remedy = commands.set})};
}

}  // namespace

std::vector<CertificateFiles> certificate_files(const Sendmail& sendmail) {
  const auto certificates = split_list(sendmail.option("ServerCertFile"));
  const auto keys = split_list(sendmail.option("ServerKeyFile"));
  std::vector<CertificateFiles> files;
  files.reserve(certificates.size());
  for (std::size_t i = 0; i < certificates.size(); ++i)
    files.push_back({.chain_files = {}, .file = certificates[i], .key_file = i < keys.size() ? keys[i] : ""});
  return files;
}

Checks sendmail_checks(const InboundFacts& facts, const Sendmail& sendmail) {
  const config::Address& ours = facts.configuration.milter.socket;
  const std::string line = fmt::format(
      "in sendmail.mc: INPUT_MAIL_FILTER(`tlsrpt', `S={}, T=C:5s;S:10s;R:10s;E:5m')dnl\n"
      "make -C /etc/mail && systemctl restart sendmail",
      ours.is_unix() ? "local:" + ours.path : fmt::format("inet:{}@{}", ours.port, ours.host));
  const auto filter = std::ranges::find_if(sendmail.filters, [&](const SendmailFilter& each) {
    const auto address = config::parse_address(each.socket);
    return each.is_used && address && *address == ours;
  });
  Checks checks;
  if (filter == sendmail.filters.end()) {
    checks.push_back(fault("milter-attached", "Sendmail",
                           {.seen = fmt::format("no filter has the socket {}", config::to_string(ours)),
                            .why = "The milter sees no session.",
                            .remedy = line}));
  } else {
    checks.push_back(ok("milter-attached", "Sendmail", "uses the milter"));
    if (filter->flags.empty()) {
      checks.push_back(ok("milter-default-action", "Sendmail", "goes on without the milter"));
    } else {
      checks.push_back(warning("milter-default-action", "Sendmail",
                               {.seen = "the filter has F=" + filter->flags,
                                .why = "While the daemon is down, mail is refused.",
                                .remedy = line}));
    }
  }
  add(checks, server_certificate_checks(facts, sendmail));
  const std::string& level = sendmail.option("LogLevel");
  const auto number = leading_number(level);
  if (!facts.configuration.milter.mta_log.empty() && number && *number < min_log_level) {
    checks.push_back(warning("mta-log", "Sendmail",
                             {.seen = "LogLevel is " + level,
                              .why = "It does not log why handshakes fail.",
                              .remedy = "in sendmail.mc: define(`confLOG_LEVEL', `9')dnl\n"
                                        "make -C /etc/mail && systemctl restart sendmail"}));
  }
  return checks;
}

}  // namespace starttls::report
