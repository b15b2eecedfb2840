// TLS reports: the record, and whether reports arrive (RFC 8460).

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using dns::Answer;
using dns::Status;
using http::FetchError;

constexpr std::string_view repair_record = "Publish one record: 'v=TLSRPTv1; rua=mailto:ADDRESS'.";

bool is_attempt(const std::string& text) {
  return to_lower(text).starts_with("v=tlsrpt");
}

// Whether there is something that reports would be about.
bool has_protection(const Reading& reading) {
  return mta_sts_policy(reading) != nullptr || std::ranges::any_of(reading.facts.hosts, has_tlsa);
}

void report_no_record(const Reading& reading, const Subject& subject, Report& report) {
  if (std::ranges::any_of(reading.facts.tlsrpt.record.texts, is_attempt)) {
    const starttls::Finding* const refused = refusal(reading.tlsrpt_record.findings);
    report.add(Code::tlsrpt_record, Level::fault, subject,
               {.seen = fmt::format("the TLSRPT record is not valid: {}",
                                    refused == nullptr ? "" : to_string(*refused)),
                .why = "Senders ignore it and send no reports.",
                .remedy = std::string(repair_record)});
    return;
  }
  const bool matters = has_protection(reading);
  report.add(Code::tlsrpt_record, matters ? Level::warning : Level::note, subject,
             {.seen = "there is no TLSRPT record",
              .why = matters ? "Senders that cannot deliver because of MTA-STS or DANE report it to nobody."
                             : "Senders do not report how they fail to encrypt.",
              .remedy = std::string(repair_record)});
}

bool judge_record(const Reading& reading, const Subject& subject, Report& report) {
  const Answer& answer = reading.facts.tlsrpt.record;
  if (answer.status == Status::failed) {
    const bool bogus = is_bogus(answer);
    report.add(
        Code::tlsrpt_record, bogus ? Level::fault : Level::cannot_tell, subject,
        {.seen = failed_lookup("the TLSRPT record", answer),
         .why = bogus ? "Senders that validate DNSSEC send no reports."
                      : "Whether senders send reports is unknown.",
         .remedy = bogus ? "Repair the signatures of the zone." : "Try again, and with another resolver."});
    return false;
  }
  if (!reading.tlsrpt_record.record) {
    report_no_record(reading, subject, report);
    return false;
  }
  report.ok(Code::tlsrpt_record, subject, "there is a TLSRPT record");
  add_syntax(report, Code::tlsrpt_record_syntax, subject, reading.tlsrpt_record.findings, repair_record);
  return true;
}

// What is known of a destination.
struct Reachable {
  Level level = Level::ok;
  std::string seen;
};

Reachable of_answer(const Answer& answer, std::string_view what) {
  return {.level = is_bogus(answer) ? Level::fault : Level::cannot_tell, .seen = failed_lookup(what, answer)};
}

// Of a host by the answers for its addresses.
Reachable by_address(const ReportDestinationFacts& facts, const std::string& host) {
  if (facts.a.status == Status::found || facts.aaaa.status == Status::found)
    return {.level = Level::ok, .seen = fmt::format("{} has an address", host)};
  for (const Answer* answer : {&facts.a, &facts.aaaa}) {
    if (answer->status == Status::failed) return of_answer(*answer, fmt::format("the address of {}", host));
  }
  return {.level = Level::fault, .seen = fmt::format("{} has no address", host)};
}

Reachable of_mailto(const ReportDestinationFacts& facts) {
  const std::string& host = facts.destination.host.str();
  switch (facts.mx.status) {
    case Status::failed:
      return of_answer(facts.mx, fmt::format("the MX records of {}", host));
    case Status::nxdomain:
      return {.level = Level::fault, .seen = fmt::format("there is no domain {}", host)};
    case Status::found:
      if (has_only_null_mx(facts.mx))
        return {.level = Level::fault, .seen = fmt::format("{} takes no mail (null MX)", host)};
      return {.level = Level::ok, .seen = fmt::format("{} has MX records", host)};
    case Status::nodata:
      return by_address(facts, host);
  }
  return {};
}

Reachable of_https(const ReportDestinationFacts& facts) {
  const std::string& host = facts.destination.host.str();
  if (!facts.page) {
    Reachable reachable = by_address(facts, host);
    // It was not asked, though it has an address.
    if (reachable.level == Level::ok) reachable.level = Level::cannot_tell;
    return reachable;
  }
  switch (facts.page->error) {
    case FetchError::none:
    case FetchError::redirect:
    case FetchError::status:
    case FetchError::too_large:
      return {.level = Level::ok, .seen = fmt::format("{} answers", host)};
    case FetchError::address:
    case FetchError::tls:
    case FetchError::certificate:
      return {.level = Level::fault, .seen = facts.page->reason};
    case FetchError::connection:
    case FetchError::timeout:
    case FetchError::busy:
      return {.level = Level::cannot_tell, .seen = facts.page->reason};
  }
  return {};
}

void judge_destination(const ReportDestinationFacts& facts, const Subject& subject, Report& report) {
  const bool is_mail = facts.destination.scheme == tlsrpt::Destination::Scheme::mailto;
  const Code code = is_mail ? Code::tlsrpt_mailto : Code::tlsrpt_https;
  const Reachable reachable = is_mail ? of_mailto(facts) : of_https(facts);
  std::string seen = fmt::format("{}: {}", printable(facts.destination.uri(), 200), reachable.seen);
  if (reachable.level == Level::ok) return report.ok(code, subject, std::move(seen));
  const bool unknown = reachable.level == Level::cannot_tell;
  report.add(code, reachable.level, subject,
             {.seen = std::move(seen),
              .why = unknown ? "Whether reports arrive is unknown." : "Reports do not arrive.",
              .remedy = unknown ? "Try again, and from another network."
                                : "Correct the record, or the destination."});
}

}  // namespace

void judge_tlsrpt(const Reading& reading, Report& report) {
  const Subject subject = subject_of(reading.facts);
  if (!judge_record(reading, subject, report)) return;
  for (const ReportDestinationFacts& destination : reading.facts.tlsrpt.destinations)
    judge_destination(destination, subject, report);
}

}  // namespace starttls::examination
