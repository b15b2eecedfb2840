#include "report/doctor_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/file.h"
#include "doctor/host_checks.h"
#include "report/doctor_collector.h"
#include "report/doctor_exim.h"
#include "report/doctor_log.h"
#include "report/doctor_postfix.h"
#include "report/doctor_sendmail.h"
#include "store/open_store.h"

namespace starttls::report {
namespace {

using namespace doctor;

constexpr std::chrono::hours max_waiting{1};  // folds come every few seconds
constexpr const char* create_directories = "systemd-tmpfiles --create starttls-toolkit.conf";

// -- The milter itself ---------------------------------------------------------------------------------------

Check socket_check(const InboundFacts& facts) {
  constexpr std::string_view code = "milter-socket";
  const std::string subject = config::to_string(facts.configuration.milter.socket);
  if (facts.milter_answer) return ok(code, subject, "the milter answers");
  const Error& error = facts.milter_answer.error();
  const bool is_unix = facts.configuration.milter.socket.is_unix();
  if (error.fault == Fault::permission || (is_unix && facts.socket.is_hidden())) {
    return cannot_tell(code, subject, "this user may not connect",
                       "Run it as root to find out whether it answers.");
  }
  Trouble trouble{.seen = error.message,
                  .why = "No session is recorded.",
                  .remedy = "systemctl restart tlsrpt-milter; journalctl -u tlsrpt-milter"};
  if (is_unix && facts.socket.exists() && !facts.socket.is_socket()) {
    trouble.seen = "is not a socket";
    trouble.remedy = fmt::format("rm {}; systemctl restart tlsrpt-milter", facts.socket.path.string());
  } else if (is_unix && !facts.socket.exists()) {
    trouble.seen = "does not exist: the daemon does not run, or listens elsewhere";
    trouble.remedy = "systemctl enable --now tlsrpt-milter";
  }
  return fault(code, subject, trouble);
}

// Sendmail connects as root.
Checks access_checks(const InboundFacts& facts) {
  constexpr std::string_view code = "milter-access";
  if (!facts.mail_owner || !facts.socket.is_socket()) return {};
  const std::string subject = facts.socket.path.string();
  const auto refusal = find_refusal(*facts.mail_owner, facts.socket, Want::write, "connect to it", "g+rw");
  if (!refusal) return {ok(code, subject, facts.mail_owner->name + " may connect")};
  return {fault(code, subject,
                {.seen = refusal->seen,
                 .why = "Postfix cannot reach the milter, and does what milter_default_action says.",
                 .remedy = refusal->remedy})};
}

Check state_check(const InboundFacts& facts) {
  return state_directory_check(facts.state_directory, facts.service_user, false, create_directories);
}

Checks configuration_checks(const InboundFacts& facts) {
  Checks checks;
  if (facts.configuration_file.path.empty()) {
    checks.push_back(
        ok("configuration", config::default_tlsrpt_config, "does not exist; all settings are the defaults"));
  } else {
    checks.push_back(configuration_rights_check(facts.configuration_file));
  }
  for (const std::string& text : facts.store_warnings) {
    checks.push_back(
        warning("secrets", "store",
                {.seen = text,
                 .why = "The password of the database, or what is stored there, is open to others.",
                 .remedy = fmt::format("chgrp starttls-toolkit {0} && chmod 0640 {0}; man tlsrpt-store",
                                       facts.configuration_file.path.string())}));
  }
  return checks;
}

Checks milter_log_checks(const InboundFacts& facts) {
  return log_checks(facts, {.code = "mta-log",
                            .section = "milter",
                            .service = "tlsrpt-milter",
                            .why = "The reasons of failed handshakes are not recorded.",
                            .source = facts.configuration.milter.mta_log,
                            .file = facts.log,
                            .user = facts.service_user});
}

// -- What was recorded ---------------------------------------------------------------------------------------

Check last_session_check(const InboundFacts& facts) {
  constexpr std::string_view code = "last-session";
  const std::string subject = "sessions";
  const auto& last = facts.last_session;
  if (!last && last.error().fault == Fault::permission)
    return cannot_tell(code, subject, last.error().message);
  if (!last && last.error().fault != Fault::unavailable) {
    return fault(code, subject,
                 {.seen = last.error().message,
                  .why = "What was recorded cannot be read.",
                  .remedy = "journalctl -u tlsrpt-milter; man tlsrpt-store"});
  }
  if (!last || !*last) {
    return cannot_tell(
        code, subject, "none was recorded yet",
        "Send a mail from another network, and run this again. The milter does not record sessions "
        "from loopback, from private networks and of your own users.");
  }
  if (to_day(facts.now) - **last <= max_silence)
    return ok(code, subject, "the last one is of " + to_string(**last));
  return warning(code, subject,
                 {.seen = "the last one is of " + to_string(**last),
                  .why = "An MX host gets mail each day: it seems that sessions are not recorded any more.",
                  .remedy = "correct the faults above; else look at journalctl -u tlsrpt-milter"});
}

Checks unit_checks(const InboundFacts& facts) {
  const auto& units = facts.units;
  Checks checks{unit_check(units, {.code = "milter-unit",
                                   .name = milter_unit,
                                   .why = "No session is recorded.",
                                   .enable = "systemctl enable --now tlsrpt-milter"})};
  add(checks, order_checks("milter-order", units, milter_unit, facts.mail_servers));
  return checks;
}

Checks timer_checks(const InboundFacts& facts) {
  const auto& units = facts.units;
  Checks checks;
  std::vector<std::string> timers;
  for (const char* const timer : {send_timer, outbound_timer}) {
    const Unit* const unit = units ? find_unit(*units, timer) : nullptr;
    if (unit != nullptr && unit->is_enabled()) timers.emplace_back(timer);
  }
  if (timers.empty()) return checks;  // reports are not sent, which is a choice
  timers.emplace_back(queue_timer);
  std::string enable = "systemctl enable --now";
  for (const std::string& timer : timers) enable += " " + timer;
  for (const std::string& timer : timers) {
    checks.push_back(
        unit_check(units, {.code = "report-timers",
                           .name = timer,
                           .why = timer == queue_timer ? "Reports that wait in the queue are never sent."
                                                       : "No report is made.",
                           .enable = enable}));
  }
  return checks;
}

// Not on a host with Exim alone, which has no milters.
bool can_record(const MailServers& servers) {
  return servers.postfix || servers.sendmail || !servers.exim;
}

Checks recording_checks(const InboundFacts& facts) {
  Checks checks{socket_check(facts)};
  add(checks, access_checks(facts));
  add(checks, unit_checks(facts));
  add(checks, milter_log_checks(facts));
  add(checks, waiting_checks(facts, "journal", store::journal_directory(facts.state_directory.path),
                             facts.waiting, "tlsrpt-milter"));
  checks.push_back(last_session_check(facts));
  return checks;
}

}  // namespace

Checks certificate_checks(const InboundFacts& facts, std::string_view mail_server,
                          const CertificateCommands& commands) {
  Checks checks;
  const auto found = facts.certificates.find(mail_server);
  if (found == facts.certificates.end()) return checks;
  for (const ServerCertificate& certificate : found->second)
    add(checks, server_certificate_checks(certificate, facts.now, commands));
  return checks;
}

Checks waiting_checks(const InboundFacts& facts, std::string_view code, const std::filesystem::path& journal,
                      const std::optional<Waiting>& waiting, std::string_view daemon) {
  if (!waiting) return {};
  if (waiting->segments == 0 || facts.now - waiting->oldest <= max_waiting)
    return {ok(code, journal.string(), "nothing waits for the store for long")};
  return {
      fault(code, journal.string(),
            {.seen = fmt::format(
                 "{} not in the store, the oldest since {}",
                 waiting->segments == 1 ? "1 segment is" : fmt::format("{} segments are", waiting->segments),
                 to_rfc3339(waiting->oldest)),
             .why = "The daemon does not run, or cannot write to the store. Nothing is lost yet.",
             .remedy = fmt::format("journalctl -u {0}; systemctl restart {0}", daemon)})};
}

Checks inbound_checks(const InboundFacts& facts) {
  Checks checks = configuration_checks(facts);
  add(checks, mail_server_checks(facts.mail_servers));
  if (const auto& postfix = facts.mail_servers.postfix; postfix && *postfix)
    add(checks, postfix_checks(facts, **postfix));
  if (const auto& sendmail = facts.mail_servers.sendmail; sendmail && *sendmail)
    add(checks, sendmail_checks(facts, **sendmail));
  if (const auto& exim = facts.mail_servers.exim; exim && *exim) add(checks, exim_checks(facts, **exim));
  if (can_record(facts.mail_servers)) add(checks, recording_checks(facts));
  add(checks, collector_checks(facts));
  add(checks, timer_checks(facts));
  checks.push_back(state_check(facts));
  checks.push_back(disk_check(facts.state_directory.path, facts.disk));
  checks.push_back(clock_check(facts.clock_is_synchronized));
  return checks;
}

}  // namespace starttls::report
