// Whether mail servers can be reached, and whether what they say is SMTP.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using smtp::Step;
using smtp::Stop;

// Whether a server has answered at another address of the domain.
bool another_answers(const DomainFacts& facts) {
  bool answers = false;
  for_each_address(facts, [&](const HostFacts&, const AddressFacts& address) {
    answers =
        answers || (address.newest && address.newest->greeting && address.newest->greeting->code == 220);
  });
  return answers;
}

void report_own_network(const DomainFacts& facts, Report& report) {
  report.add(
      Code::smtp_own_network, Level::cannot_tell, subject_of(facts),
      {.seen = "this host cannot connect to port 25 of any MX host",
       .why =
           "Most networks of homes, offices and clouds block port 25. Nothing is known of the mail servers.",
       .remedy = "Run it on a mail server."});
}

void report_no_ipv6(const DomainFacts& facts, Report& report) {
  report.add(Code::smtp_own_network, Level::cannot_tell, subject_of(facts),
             {.seen = "this host cannot connect to any IPv6 address of the MX hosts",
              .why = "Most likely it has no IPv6. Nothing is known of the mail servers at these addresses.",
              .remedy = "Run it on a host with IPv6."});
}

// What the server has said last.
std::string last_reply(const smtp::ProbeFacts& probe) {
  for (const auto* reply : {&probe.starttls, &probe.ehlo, &probe.greeting}) {
    if (*reply) return (*reply)->first_line();
  }
  return probe.reason;
}

void report_connection(const DomainFacts& facts, const smtp::ProbeFacts& probe, Subject subject,
                       Report& report) {
  const bool down = probe.stop == Stop::refused && another_answers(facts);
  report.add(
      Code::smtp_connection, down ? Level::note : Level::cannot_tell, std::move(subject),
      {.seen = probe.reason,
       .why = down
                  ? "Senders go on to the next address. It is down, or down on purpose, or refuses this host."
                  : "Nothing is known of TLS at this address: the server is down, or limits this host.",
       .remedy = "Try again later, and from another network."});
}

void judge_stop(const DomainFacts& facts, const HostFacts& host, const AddressFacts& address,
                Report& report) {
  const smtp::ProbeFacts& probe = *address.newest;
  const Subject subject = subject_of(host, address);
  switch (probe.stop) {
    case Stop::unreachable:
    case Stop::refused:
    case Stop::timeout:
    case Stop::too_slow:
    case Stop::closed:
    case Stop::local_error:
      // From the handshake on this is the subject of judge_tls().
      if (probe.reached < Step::handshake) report_connection(facts, probe, subject, report);
      break;
    case Stop::deferred:
      report.add(
          Code::smtp_rate_limit, Level::cannot_tell, subject,
          {.seen = fmt::format("the server says: {}", last_reply(probe)),
           .why = "It limits how often this host may connect. Nothing is known of TLS at this address.",
           .remedy = "Try again after some minutes, or from a host that it knows."});
      break;
    case Stop::rejected:
      report.add(Code::smtp_rejected, Level::cannot_tell, subject,
                 {.seen = fmt::format("the server says: {}", last_reply(probe)),
                  .why = "It does not accept mail from this host. Nothing is known of TLS at this address.",
                  .remedy = "Run it on a mail server that is on no block list."});
      break;
    case Stop::protocol:
      report.add(Code::smtp_protocol, Level::fault, subject,
                 {.seen = probe.reason,
                  .why = "Senders cannot deliver there.",
                  .remedy = "Check that a mail server listens on port 25."});
      break;
    case Stop::none:
    case Stop::not_allowed:
    case Stop::no_starttls:
    case Stop::starttls_rejected:
    case Stop::handshake:
      break;
  }
}

}  // namespace

void judge_smtp(const Reading& reading, Report& report) {
  const DomainFacts& facts = reading.facts;
  if (facts.smtp == Smtp::skipped) {
    report.add(Code::smtp_skipped, Level::note, subject_of(facts),
               {.seen = "the mail servers were not asked", .why = "Nothing is known of them.", .remedy = {}});
    return;
  }
  if (is_own_network_blocked(facts)) return report_own_network(facts, report);
  bool has_unreachable_ipv6 = false;
  for_each_address(facts, [&](const HostFacts& host, const AddressFacts& address) {
    if (!address.newest) return;
    if (is_out_of_reach(facts, address)) {
      has_unreachable_ipv6 = true;
    } else {
      judge_stop(facts, host, address, report);
    }
  });
  if (has_unreachable_ipv6) report_no_ipv6(facts, report);
}

}  // namespace starttls::examination
