// Whether servers offer STARTTLS, and what they do with it.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using smtp::Stop;

// Firewalls that inspect SMTP overwrite the keywords that they do not know: "XXXXXXXA".
bool is_overwritten(std::string_view keyword) {
  constexpr std::size_t shortest = 4;
  if (keyword.ends_with('A')) keyword.remove_suffix(1);
  return keyword.size() >= shortest && keyword.find_first_not_of('X') == std::string_view::npos;
}

// The same firewalls put asterisks in place of the greeting.
bool has_overwritten_greeting(const smtp::ProbeFacts& probe) {
  if (!probe.greeting || probe.greeting->lines.empty()) return false;
  const std::string& text = probe.greeting->lines.front();
  const auto asterisks = static_cast<std::size_t>(std::ranges::count(text, '*'));
  return asterisks >= 10 && asterisks * 2 > text.size();
}

bool is_stripped(const smtp::ProbeFacts& probe) {
  return std::ranges::any_of(probe.extensions, is_overwritten) || has_overwritten_greeting(probe);
}

bool knows_no_ehlo(const smtp::ProbeFacts& probe) {
  return probe.ehlo && probe.ehlo->severity() == 5;
}

struct Demanded {
  Demand demand = Demand::none;
  std::string source;
};

void report_absent(const smtp::ProbeFacts& probe, const Demanded& demanded, Subject subject, Report& report) {
  const Level level = level_of_tls(demanded.demand);
  const std::string why = why_tls(demanded.demand, demanded.source);
  if (is_stripped(probe)) {
    report.add(
        Code::starttls_stripped, level, std::move(subject),
        {.seen = "something on the way has overwritten the server's offer of STARTTLS",
         .why = why,
         .remedy = "Switch off the inspection of SMTP in the firewall. Try from another network to see whose "
                   "firewall it is."});
    return;
  }
  report.add(Code::starttls, level, std::move(subject),
             {.seen = knows_no_ehlo(probe) ? "the server does not know EHLO, and so has no STARTTLS"
                                           : "the server does not offer STARTTLS",
              .why = why,
              .remedy = "Give the mail server a certificate and switch STARTTLS on."});
}

void report_rejected(const smtp::ProbeFacts& probe, const Demanded& demanded, Subject subject,
                     Report& report) {
  const std::string seen = fmt::format("the server offers STARTTLS, and answers it with: {}",
                                       probe.starttls ? probe.starttls->first_line() : probe.reason);
  if (!is_without_tls(probe)) {
    report.add(Code::starttls_rejected, Level::cannot_tell, std::move(subject),
               {.seen = seen,
                .why = "Mostly this passes. As long as it lasts, senders have no TLS.",
                .remedy = "Look into the server's log, and try again after some minutes."});
    return;
  }
  report.add(Code::starttls_rejected, level_of_tls(demanded.demand), std::move(subject),
             {.seen = seen,
              .why = why_tls(demanded.demand, demanded.source),
              .remedy = "Look into the server's log: mostly it cannot read its certificate or key."});
}

void judge_tls_session(const AddressFacts& address, const Subject& subject, Report& report) {
  if (address.injected && address.injected->accepts_injected_command) {
    report.add(
        Code::starttls_injection, Level::fault, subject,
        {.seen = "the server answers, inside TLS, a command that was sent in plaintext before the handshake",
         .why = "An attacker can put commands into a protected session (CVE-2011-0411).",
         .remedy = "Update the mail server, or the proxy before it."});
  } else if (address.injected && address.injected->tls) {
    report.ok(Code::starttls_injection, subject,
              "the server drops commands that were sent before the handshake");
  }
  if (address.newest->offers_starttls_inside_tls) {
    report.add(Code::starttls_inside_tls, Level::warning, subject,
               {.seen = "the server offers STARTTLS again inside TLS",
                .why = "It must not: senders may try it and fail.",
                .remedy = "Update the mail server, or the proxy before it."});
  }
}

}  // namespace

void judge_starttls(const Reading& reading, Report& report) {
  for_each_address(reading.facts, [&](const HostFacts& host, const AddressFacts& address) {
    if (!address.newest) return;
    const smtp::ProbeFacts& probe = *address.newest;
    const Subject subject = subject_of(host, address);
    const Demanded demanded{.demand = tls_demand(reading, host), .source = tls_source(reading, host)};
    if (probe.stop == Stop::no_starttls) {
      report_absent(probe, demanded, subject, report);
    } else if (probe.stop == Stop::starttls_rejected) {
      report_rejected(probe, demanded, subject, report);
    } else if (probe.offers_starttls) {
      report.ok(Code::starttls, subject, "the server offers STARTTLS");
    }
    judge_tls_session(address, subject, report);
  });
}

}  // namespace starttls::examination
