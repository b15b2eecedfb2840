#include "report/doctor_exim.h"

#include <fmt/format.h>

#include <ranges>

#include "base/text.h"
#include "doctor/host_checks.h"

namespace starttls::report {
namespace {

using namespace doctor;

Check milter_check(const InboundFacts& facts) {
  const Unit* const unit = facts.units ? find_unit(*facts.units, milter_unit) : nullptr;
  const bool has_daemon = unit != nullptr && (unit->is_active() || unit->is_enabled());
  return fault(
      "milter-attached", "Exim",
      {.seen = "has no milter protocol: tlsrpt-milter cannot attach to it",
       .why = "No inbound session is recorded. What others report to you, tlsrpt-report still reads.",
       .remedy = std::string(has_daemon ? "systemctl disable --now tlsrpt-milter; " : "") +
                 "receive mail by Postfix or Sendmail, such as on another MX host"});
}

Check level_check(const Exim& exim) {
  constexpr std::string_view code = "smtpd-tls-level";
  const std::string advertise = exim.debian ? "MAIN_TLS_ADVERTISE_HOSTS" : "tls_advertise_hosts";
  const std::string& hosts = exim.option("tls_advertise_hosts");
  if (hosts == "*") return ok(code, "Exim", "offers TLS to every host");
  if (hosts.empty()) {
    return fault(code, "Exim",
                 {.seen = "tls_advertise_hosts is empty",
                  .why = "Nobody can send mail to you over TLS.",
                  .remedy = exim.set_macro(advertise, "*")});
  }
  return warning(code, "Exim",
                 {.seen = "tls_advertise_hosts is " + hosts,
                  .why = "Other hosts cannot send mail to you over TLS.",
                  .remedy = exim.set_macro(advertise, "*")});
}

// A list of Exim, between colons.
std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> elements;
  for (const auto& each : std::views::split(text, ':')) {
    if (const std::string_view element = trim(std::string_view(each.begin(), each.end())); !element.empty())
      elements.emplace_back(element);
  }
  return elements;
}

CertificateCommands commands_of(const Exim& exim) {
  const std::string enable = exim.debian ? exim.macro("MAIN_TLS_ENABLE", "yes") + "\n" : "";
  return {.set = enable + exim.set_macro(exim.debian ? "MAIN_TLS_CERTKEY" : "tls_certificate",
                                         "/etc/exim4/KEY-AND-CHAIN.pem"),
          .reload = "systemctl reload exim4"};
}

// Exim reads the key as its own user.
Checks access_checks(const InboundFacts& facts) {
  Checks checks;
  const auto found = facts.certificates.find("Exim");
  if (found == facts.certificates.end() || !facts.exim_user) return checks;
  for (const ServerCertificate& certificate : found->second) {
    const PathFacts& file = certificate.key_file;
    if (!file.exists()) continue;
    const auto refusal = find_refusal(*facts.exim_user, file, Want::read, "read it", "g+r");
    if (!refusal) continue;
    checks.push_back(fault("smtpd-key", file.path.string(),
                           {.seen = refusal->seen,
                            .why = "Exim cannot offer TLS: each handshake fails.",
                            .remedy = refusal->remedy}));
  }
  return checks;
}

Checks tls_certificate_checks(const InboundFacts& facts, const Exim& exim) {
  constexpr std::string_view code = "smtpd-certificate";
  const std::string& setting = exim.option("tls_certificate");
  if (setting.empty()) {
    return {warning(code, "Exim",
                    {.seen = "tls_certificate is not set: Exim makes a certificate that signs itself",
                     .why = "Senders that verify, by MTA-STS or DANE, do not send mail to you.",
                     .remedy = commands_of(exim).set})};
  }
  if (certificate_files(exim).empty())
    return {cannot_tell(code, "Exim", "tls_certificate depends on the session: " + setting)};
  Checks checks = certificate_checks(facts, "Exim", commands_of(exim));
  add(checks, access_checks(facts));
  return checks;
}

}  // namespace

std::vector<CertificateFiles> certificate_files(const Exim& exim) {
  const std::string& certificates = exim.option("tls_certificate");
  const std::string& keys = exim.option("tls_privatekey");
  std::vector<CertificateFiles> files;
  if ((certificates + keys).contains('$')) return files;
  const auto key_files = list_of(keys);
  for (const std::string& file : list_of(certificates)) {
    const std::size_t at = files.size();
    files.push_back(
        {.chain_files = {}, .file = file, .key_file = at < key_files.size() ? key_files[at] : ""});
  }
  return files;
}

Checks exim_checks(const InboundFacts& facts, const Exim& exim) {
  Checks checks{milter_check(facts), level_check(exim)};
  add(checks, tls_certificate_checks(facts, exim));
  return checks;
}

}  // namespace starttls::report
