#include "report/doctor_collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/counted.h"
#include "doctor/host_checks.h"
#include "outbound/open_store.h"
#include "report/doctor_log.h"

namespace starttls::report {
namespace {

using namespace doctor;

constexpr int first_major = 3;  // the first Postfix that sends results is 3.10
constexpr int first_minor = 10;
constexpr std::uint64_t min_queue_length = 100;   // datagrams that the kernel keeps for a socket
constexpr std::uint64_t good_queue_length = 512;  // what systemd sets
// The last result and the days before it tell whether results come each day.
constexpr std::chrono::days usual_days{14};
constexpr std::ptrdiff_t min_days_with_results = 10;  // of these
constexpr const char* enable = "systemctl enable --now tlsrpt-collector";
constexpr std::string_view why_nothing = "No result of outbound mail is recorded.";
constexpr std::string_view log_code = "collector-log";

// "3.10.13", "3.11-20251126".
bool can_send(const Postfix& postfix) {
  const std::string version = postfix.version();
  const std::size_t dot = version.find('.');
  const auto major = leading_number(version);
  const auto minor = dot == std::string::npos ? std::nullopt : leading_number(version.substr(dot + 1));
  if (!major) return false;
  return *major > first_major || (*major == first_major && minor.value_or(0) >= first_minor);
}

std::vector<PostfixService> clients(const Postfix& postfix) {
  std::vector<PostfixService> found;
  std::ranges::copy_if(postfix.services, std::back_inserter(found),
                       [](const PostfixService& service) { return service.program == "smtp"; });
  return found;
}

// The clients that send their results.
std::vector<PostfixService> senders(const Postfix& postfix) {
  if (!can_send(postfix)) return {};
  std::vector<PostfixService> found = clients(postfix);
  std::erase_if(found, [&](const PostfixService& service) {
    return postfix.get(service, "smtp_tlsrpt_enable") != "yes";
  });
  return found;
}

bool follows_log(const InboundFacts& facts) {
  return !facts.configuration.collector.mta_log.empty();
}

// An administrator who has done something about it wants results.
bool is_wanted(const InboundFacts& facts) {
  const Unit* const unit = facts.units ? find_unit(*facts.units, collector_unit) : nullptr;
  if (unit != nullptr && (unit->is_enabled() || unit->is_active())) return true;
  return facts.configuration.collector != config::CollectorConfig();
}

// How main.cf must name our socket: below the queue directory, if it is there.
std::string socket_name(const InboundFacts& facts, const Postfix& postfix) {
  const std::string& path = facts.configuration.collector.socket.path;
  const std::string queue = postfix.get("queue_directory") + "/";
  return path.starts_with(queue) ? path.substr(queue.size()) : path;
}

Check attached_check(const InboundFacts& facts, const Postfix& postfix, const PostfixService& service) {
  constexpr std::string_view code = "collector-attached";
  const std::string subject = "Postfix, " + service.id();
  const std::string& name = postfix.get(service, "smtp_tlsrpt_socket_name");
  const std::string& wanted = facts.configuration.collector.socket.path;
  const auto path = name.empty() ? std::filesystem::path() : postfix.path_for(service, name);
  if (path == wanted) return ok(code, subject, "sends its results to the collector");
  Trouble trouble{.seen = name.empty()
                              ? "smtp_tlsrpt_socket_name is empty"
                              : fmt::format("smtp_tlsrpt_socket_name means {}, and the collector is at {}",
                                            path.string(), wanted),
                  .why = std::string(why_nothing)};
  const bool is_own = service.parameters.contains("smtp_tlsrpt_socket_name");
  const std::string ours = socket_name(facts, postfix);
  trouble.remedy = is_own ? postfix.set(service, "smtp_tlsrpt_socket_name", ours)
                          : postfix.set("smtp_tlsrpt_socket_name", ours);
  if (service.chroot && ours.starts_with('/')) {
    trouble.remedy = fmt::format("in tlsrpt.toml, [collector]: socket = \"unix:{}/tlsrpt/collector.sock\"",
                                 postfix.get("queue_directory"));
  }
  return fault(code, subject, trouble);
}

// Where the collector is set up without a log to follow, and Postfix sends it nothing.
Check silent_check(const InboundFacts& facts, const Postfix& postfix) {
  constexpr std::string_view code = "collector-attached";
  if (!can_send(postfix)) {
    return warning(code, "Postfix",
                   {.seen = "is version " + postfix.version() + "; the first that sends results is 3.10",
                    .why = "The collector gets results by \"tlsrpt-collector record\" only.",
                    .remedy = "in tlsrpt.toml, [collector]: mta_log = \"journal\"\n"
                              "systemctl restart tlsrpt-collector"});
  }
  return warning(
      code, "Postfix",
      {.seen = "smtp_tlsrpt_enable is " +
               (postfix.get("smtp_tlsrpt_enable").empty() ? "no" : postfix.get("smtp_tlsrpt_enable")),
       .why = std::string(why_nothing),
       .remedy = fmt::format("{} 'smtp_tlsrpt_socket_name={}' && {}", postfix.postconf(),
                             socket_name(facts, postfix), postfix.set("smtp_tlsrpt_enable", "yes"))});
}

// What the collector finds in the log, if it follows that.
Checks collector_log_checks(const InboundFacts& facts) {
  if (!follows_log(facts)) return {};
  Checks checks = log_checks(facts, {.code = log_code,
                                     .section = "collector",
                                     .service = "tlsrpt-collector",
                                     .why = why_nothing,
                                     .source = facts.configuration.collector.mta_log,
                                     .file = facts.collector.log,
                                     .user = facts.collector.user});
  const auto& postfix = facts.mail_servers.postfix;
  if (!postfix || !*postfix) return checks;
  for (const PostfixService& client : clients(**postfix)) {
    if ((*postfix)->get(client, "smtp_tls_loglevel") != "0") continue;
    const bool is_own = client.parameters.contains("smtp_tls_loglevel");
    checks.push_back(fault(log_code, "Postfix, " + client.id(),
                           {.seen = "smtp_tls_loglevel is 0",
                            .why = "Postfix does not log how TLS handshakes end.",
                            .remedy = is_own ? (*postfix)->set(client, "smtp_tls_loglevel", "1")
                                             : (*postfix)->set("smtp_tls_loglevel", "1")}));
  }
  return checks;
}

Check socket_check(const InboundFacts& facts) {
  constexpr std::string_view code = "collector-socket";
  const PathFacts& socket = facts.collector.socket;
  const std::string subject = config::to_string(facts.configuration.collector.socket);
  if (facts.collector.answer) return ok(code, subject, "a program receives there");
  const Error& error = facts.collector.answer.error();
  if (error.fault == Fault::permission || socket.is_hidden()) {
    return cannot_tell(code, subject, "this user may not send to it",
                       "Run it as root to find out whether the collector receives there.");
  }
  Trouble trouble{.seen = error.message,
                  .why = "Results of outbound mail are lost.",
                  .remedy = "systemctl restart tlsrpt-collector; journalctl -u tlsrpt-collector"};
  if (socket.exists() && !socket.is_socket()) {
    trouble.seen = "is not a socket";
    trouble.remedy = fmt::format("rm {}; systemctl restart tlsrpt-collector", socket.path.string());
  } else if (!socket.exists()) {
    trouble.seen = "does not exist: the daemon does not run, or receives elsewhere";
    trouble.remedy = enable;
  }
  return fault(code, subject, trouble);
}

Checks access_checks(const InboundFacts& facts) {
  constexpr std::string_view code = "collector-access";
  const PathFacts& socket = facts.collector.socket;
  if (!facts.mail_owner || !socket.is_socket()) return {};
  const std::string subject = socket.path.string();
  const auto refusal = find_refusal(*facts.mail_owner, socket, Want::write, "send to it", "g+rw");
  if (!refusal) return {ok(code, subject, facts.mail_owner->name + " may send to it")};
  return {
      fault(code, subject,
            {.seen = refusal->seen, .why = "Results of outbound mail are lost.", .remedy = refusal->remedy})};
}

Checks queue_checks(const InboundFacts& facts) {
  constexpr std::string_view code = "collector-queue";
  if (!facts.collector.queue_length) return {};
  const std::uint64_t length = *facts.collector.queue_length;
  const std::string seen = fmt::format("has room for {}", counted(length, "datagram"));
  if (length >= min_queue_length) return {ok(code, "net.unix.max_dgram_qlen", seen)};
  return {warning(
      code, "net.unix.max_dgram_qlen",
      {.seen = seen,
       .why = "While the queue of the socket is full, Postfix loses results.",
       .remedy = fmt::format("echo net.unix.max_dgram_qlen={} >/etc/sysctl.d/60-tlsrpt-collector.conf; "
                             "sysctl --system; systemctl stop tlsrpt-collector; "
                             "systemctl start tlsrpt-collector",
                             good_queue_length)})};
}

// A mail server sends a result only for mail to a domain that asks for reports, so that a small one may have none for
// days.
Check last_result_check(const InboundFacts& facts) {
  constexpr std::string_view code = "collector-last-result";
  const std::string subject = "results";
  const auto& days = facts.collector.days;
  if (!days && days.error().fault == Fault::permission)
    return cannot_tell(code, subject, days.error().message, "Run it as root to find out.");
  if (!days && days.error().fault != Fault::unavailable) {
    return fault(code, subject,
                 {.seen = days.error().message,
                  .why = "What was received cannot be read.",
                  .remedy = "journalctl -u tlsrpt-collector; man tlsrpt-store"});
  }
  if (!days || days->empty()) {
    return cannot_tell(code, subject, "none was received yet",
                       "Send a mail to a domain with a TLSRPT record, and run this again.");
  }
  const Day last = *days->rbegin();
  const std::string seen = "the last one is of " + to_string(last);
  if (to_day(facts.now) - last <= max_silence) return ok(code, subject, seen);
  if (std::distance(days->upper_bound(last - usual_days), days->end()) < min_days_with_results) {
    return cannot_tell(code, subject, seen, "There were days without a result before, too.");
  }
  return warning(
      code, subject,
      {.seen = seen,
       .why = "There was one on nearly each day before: it seems that results are not received any more.",
       .remedy = "correct the faults above; else look at journalctl -u tlsrpt-collector, and for "
                 "\"TLSRPT\" in the log of the mail server"});
}

}  // namespace

Checks collector_checks(const InboundFacts& facts) {
  const auto& found = facts.mail_servers.postfix;
  const bool is_there = found && *found;
  const auto sending = is_there ? senders(**found) : std::vector<PostfixService>();
  if (sending.empty() && !is_wanted(facts)) return {};
  Checks checks;
  for (const PostfixService& client : sending) checks.push_back(attached_check(facts, **found, client));
  if (sending.empty() && is_there && !follows_log(facts)) checks.push_back(silent_check(facts, **found));
  add(checks, collector_log_checks(facts));
  checks.push_back(socket_check(facts));
  add(checks, access_checks(facts));
  checks.push_back(unit_check(
      facts.units,
      {.code = "collector-unit", .name = collector_unit, .why = std::string(why_nothing), .enable = enable}));
  add(checks, order_checks("collector-order", facts.units, collector_unit, facts.mail_servers));
  add(checks, queue_checks(facts));
  add(checks,
      waiting_checks(facts, "collector-journal", outbound::journal_directory(facts.state_directory.path),
                     facts.collector.waiting, "tlsrpt-collector"));
  checks.push_back(last_result_check(facts));
  return checks;
}

}  // namespace starttls::report
