#include "report/doctor_checks.h"

#include <algorithm>
#include <cerrno>
#include <ranges>

#include "support/doctor_cases.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;
using doctor::Check;
using doctor::Checks;
using doctor::Level;
using doctor::Postfix;

namespace {

constexpr gid_t postfix_group = 30;
constexpr uid_t service = 10;

Postfix right_postfix() {
  Postfix postfix;
  postfix.parameters = doctor::parse_parameters(
      "mail_version = 3.7.11\n"
      "queue_directory = /var/spool/postfix\n"
      "smtpd_milters = unix:tlsrpt/milter.sock\n"
      "milter_default_action = accept\n"
      "milter_protocol = 6\n"
      "smtpd_tls_security_level = may\n"
      "smtpd_tls_cert_file = /etc/ssl/certs/mx.pem\n");
  postfix.services = doctor::parse_services(
      "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\nsmtp unix - - y - - smtp\n", "");
  postfix.runs = true;
  return postfix;
}

doctor::Units right_units() {
  doctor::Unit active{.load = "loaded", .active = "active", .enabled = "enabled"};
  doctor::Units units;
  for (const char* const name : {"postfix@-.service", send_timer, queue_timer}) units[name] = active;
  active.before = {"postfix@-.service"};
  active.supplementary_groups = {"adm"};
  units[milter_unit] = active;
  return units;
}

// As README and docs/postfix.md have it, with sessions.
InboundFacts right_host() {
  InboundFacts facts{
      .configuration = {},
      .now = at("2026-11-28T12:00:00Z"),
      .mail_servers = {.postfix = right_postfix()},
      .units = right_units(),
      .configuration_file = path("/etc/starttls-toolkit/tlsrpt.toml", S_IFREG | 0644),
      .socket = path("/var/spool/postfix/tlsrpt/milter.sock", S_IFSOCK | 0660, service, postfix_group),
      .service_user = doctor::UserFacts{.name = "starttls-toolkit", .uid = service, .groups = {10}},
      .mail_owner = doctor::UserFacts{.name = "postfix", .uid = 20, .groups = {postfix_group}},
      .state_directory = path("/var/lib/starttls-toolkit/tlsrpt", S_IFDIR | 0750, service),
      .disk = doctor::DiskFacts{.size = 1U << 30U, .free = 1U << 30U},
      .clock_is_synchronized = true,
      .certificates = {path("/etc/ssl/certs/mx.pem", S_IFREG | 0644)},
      .last_session = Day(parse_day("2026-11-27").value()),
      .waiting = Waiting{}};
  facts.configuration.milter.mta_log = "journal";
  return facts;
}

Checks findings(const InboundFacts& facts) {
  return findings_of(inbound_checks(facts));
}

const std::vector<BrokenHost<InboundFacts>> broken_hosts{
    {"all may write to the configuration",
     [](auto& facts) { facts.configuration_file.nodes[0].mode |= 0002; }, "configuration", Level::fault,
     "chmod o-w /etc/starttls-toolkit/tlsrpt.toml"},
    {"a password that all can read", [](auto& facts) { facts.store_warnings = {"every user can read it"}; },
     "secrets", Level::warning, "chmod 0640 /etc/starttls-toolkit/tlsrpt.toml"},
    {"no mail server", [](auto& facts) { facts.mail_servers = {}; }, "mail-server", Level::fault,
     "apt install postfix"},
    {"Postfix does not run", [](auto& facts) { postfix_of(facts).runs = false; }, "mail-server-runs",
     Level::fault, "systemctl start postfix"},
    {"no milter", set("smtpd_milters", ""), "milter-attached", Level::fault,
     "postconf smtpd_milters=unix:tlsrpt/milter.sock && postfix reload"},
    {"another milter", set("smtpd_milters", "inet:127.0.0.1:8891"), "milter-attached", Level::fault,
     "'smtpd_milters=inet:127.0.0.1:8891, unix:tlsrpt/milter.sock'"},
    {"the path outside of the chroot", set("smtpd_milters", "unix:/var/spool/postfix/tlsrpt/milter.sock"),
     "milter-attached", Level::fault, "smtpd_milters=unix:tlsrpt/milter.sock"},
    {"no smtpd", [](auto& facts) { postfix_of(facts).services.clear(); }, "milter-attached", Level::fault,
     "--postfix-config"},
    {"submission is recorded",
     [](auto& facts) { facts.configuration.milter.sessions.excluded_ports.clear(); }, "milter-submission",
     Level::warning, "postconf -P 'submission/inet/smtpd_milters='"},
    {"tempfail", set("milter_default_action", "tempfail"), "milter-default-action", Level::warning,
     "postconf milter_default_action=accept"},
    {"shutdown, as of Postfix 3.10", set("milter_default_action", "shutdown"), "milter-default-action",
     Level::warning, "postconf milter_default_action=accept"},
    {"reject", set("milter_default_action", "reject"), "milter-default-action", Level::fault,
     "postconf milter_default_action=accept"},
    {"an old protocol", set("milter_protocol", "2"), "milter-protocol", Level::fault,
     "postconf milter_protocol=6"},
    {"no socket",
     [](auto& facts) {
       facts.milter_answer = fail(Fault::unavailable, "no");
       facts.socket = missing("/var/spool/postfix/tlsrpt/milter.sock");
     },
     "milter-socket", Level::fault, "systemctl enable --now tlsrpt-milter"},
    {"a file in place of the socket",
     [](auto& facts) {
       facts.milter_answer = fail(Fault::unavailable, "no");
       facts.socket = path("/var/spool/postfix/tlsrpt/milter.sock", S_IFREG | 0660, service, postfix_group);
     },
     "milter-socket", Level::fault, "rm /var/spool/postfix/tlsrpt/milter.sock"},
    {"no answer", [](auto& facts) { facts.milter_answer = fail(Fault::temporary, "no answer in time"); },
     "milter-socket", Level::fault, "systemctl restart tlsrpt-milter"},
    {"Postfix may not connect", [](auto& facts) { facts.socket.nodes[0].gid = 99; }, "milter-access",
     Level::fault, "chgrp postfix /var/spool/postfix/tlsrpt/milter.sock"},
    {"the daemon is not enabled", [](auto& facts) { (*facts.units)[milter_unit].enabled = "disabled"; },
     "milter-unit", Level::warning, "systemctl enable tlsrpt-milter"},
    {"the daemon is not active", [](auto& facts) { (*facts.units)[milter_unit].active = "inactive"; },
     "milter-unit", Level::fault, "systemctl enable --now tlsrpt-milter"},
    {"no order", [](auto& facts) { (*facts.units)[milter_unit].before.clear(); }, "milter-order",
     Level::warning, "systemctl edit tlsrpt-milter.service: [Unit] Before=postfix@-.service"},
    {"no TLS", set("smtpd_tls_security_level", "none"), "smtpd-tls-level", Level::fault,
     "postconf smtpd_tls_security_level=may"},
    {"no level", set("smtpd_tls_security_level", ""), "smtpd-tls-level", Level::fault,
     "postconf smtpd_tls_security_level=may"},
    {"mandatory TLS", set("smtpd_tls_security_level", "encrypt"), "smtpd-tls-level", Level::warning,
     "postconf smtpd_tls_security_level=may"},
    {"no certificate", [](auto& facts) { facts.certificates.clear(); }, "smtpd-certificate", Level::fault,
     "smtpd_tls_chain_files="},
    {"a certificate that is not there", [](auto& facts) { facts.certificates = {missing("/mx.pem")}; },
     "smtpd-certificate", Level::fault, "smtpd_tls_chain_files="},
    {"the journal may not be read",
     [](auto& facts) { (*facts.units)[milter_unit].supplementary_groups.clear(); }, "mta-log", Level::fault,
     "SupplementaryGroups=systemd-journal"},
    {"a log that is not there",
     [](auto& facts) {
       facts.configuration.milter.mta_log = "/var/log/mail.log";
       facts.log = missing("/var/log/mail.log");
     },
     "mta-log", Level::fault, "mta_log = \"journal\""},
    {"a log that may not be read",
     [](auto& facts) {
       facts.configuration.milter.mta_log = "/var/log/mail.log";
       facts.log = path("/var/log/mail.log", S_IFREG | 0640, 0, 9999);
     },
     "mta-log", Level::fault, "SupplementaryGroups=9999"},
    {"another log",
     [](auto& facts) {
       facts.configuration.milter.mta_log = "/var/log/mail.log";
       facts.log = path("/var/log/mail.log", S_IFREG | 0644);
       postfix_of(facts).parameters["maillog_file"] = "/var/log/postfix.log";
     },
     "mta-log", Level::fault, "mta_log = \"/var/log/postfix.log\""},
    {"reports that wait are not sent", [](auto& facts) { (*facts.units)[queue_timer].active = "inactive"; },
     "report-timers", Level::fault,
     "systemctl enable --now tlsrpt-report-send.timer tlsrpt-report-queue.timer"},
    {"no state directory", [](auto& facts) { facts.state_directory = missing("/s"); }, "state-directory",
     Level::fault, "systemd-tmpfiles --create starttls-toolkit.conf"},
    {"the state is open", [](auto& facts) { facts.state_directory.nodes[0].mode |= 0005; }, "state-directory",
     Level::warning, "chmod o-rwx"},
    {"the state is root's", [](auto& facts) { facts.state_directory.nodes[0].uid = 0; }, "state-directory",
     Level::fault, "chown -R starttls-toolkit:starttls-toolkit"},
    {"a full disk", [](auto& facts) { facts.disk->free = 0; }, "disk-space", Level::fault, "df -h"},
    {"a wrong clock", [](auto& facts) { facts.clock_is_synchronized = false; }, "clock", Level::warning,
     "timedatectl"},
    {"sessions wait",
     [](auto& facts) { facts.waiting = Waiting{.segments = 3, .oldest = facts.now - std::chrono::hours(5)}; },
     "journal", Level::fault, "journalctl -u tlsrpt-milter"},
    {"no session for days", [](auto& facts) { facts.last_session = Day(parse_day("2026-11-20").value()); },
     "last-session", Level::warning, "journalctl -u tlsrpt-milter"},
    {"a damaged store", [](auto& facts) { facts.last_session = fail(Fault::data, "damaged"); },
     "last-session", Level::fault, "man tlsrpt-store"},
};

}  // namespace

TEST_CASE("a host as the guide has it gives no finding") {
  for (const Check& check : findings(right_host())) FAIL_CHECK(check.code << ": " << check.seen);
}

TEST_CASE("what is broken gives one finding with its code and its remedy") {
  check_broken_hosts(broken_hosts, right_host(), inbound_checks);
}

TEST_CASE("what the user may not see has no result and is no finding") {
  InboundFacts facts = right_host();
  facts.units = fail(Fault::unavailable, "this host does not run systemd");
  facts.milter_answer = fail(Fault::permission, "denied");
  facts.socket = missing("/var/spool/postfix/tlsrpt/milter.sock", EACCES);
  facts.last_session = fail(Fault::permission, "denied");
  facts.state_directory = missing("/s", EACCES);
  facts.disk = fail(Fault::permission, "denied");
  facts.clock_is_synchronized = fail(Fault::permission, "denied");
  facts.waiting = std::nullopt;
  facts.service_user = std::nullopt;
  postfix_of(facts).runs = fail(Fault::permission, "denied");
  CHECK(findings(facts).empty());
  const Checks checks = inbound_checks(facts);
  CHECK(std::ranges::count(checks, Level::cannot_tell, &Check::level) == 8);
}

TEST_CASE("a host without any session yet has no finding for that") {
  InboundFacts facts = right_host();
  facts.last_session = std::optional<Day>();
  CHECK(findings(facts).empty());
  facts.last_session = fail(Fault::unavailable, "nothing was ever recorded");
  CHECK(findings(facts).empty());
}

TEST_CASE("reports that are not sent at all are a choice") {
  InboundFacts facts = right_host();
  for (const char* const timer : {send_timer, queue_timer})
    (*facts.units)[timer] = {.load = "loaded", .active = "inactive"};
  CHECK(findings(facts).empty());
}
