// MTA-STS: the record, the policy and its host, and how it fits the MX hosts (RFC 8461).

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using dns::Status;
using http::FetchError;
using mtasts::Mode;

constexpr std::chrono::seconds day{86'400};
constexpr std::chrono::seconds week{7 * 86'400};
constexpr std::string_view repair_record = "Publish one record: 'v=STSv1; id=' and letters and digits.";
constexpr std::string_view repair_policy = "Correct it; 'starttls-listtool lint policy' shows the line.";

// One domain's MTA-STS.
struct Case {
  const Reading& reading;
  Subject subject;
  Report& report;

  const DomainFacts& facts() const { return reading.facts; }
  const MtaStsFacts& sts() const { return reading.facts.mta_sts; }
  void add(Code code, Level level, Text text) const { report.add(code, level, subject, std::move(text)); }
  void ok(Code code, std::string seen) const { report.ok(code, subject, std::move(seen)); }
};

std::string refusal_of(const std::vector<starttls::Finding>& findings) {
  const starttls::Finding* const refused = refusal(findings);
  return refused == nullptr ? "" : to_string(*refused);
}

// Whether a text was meant as a record of MTA-STS.
bool is_attempt(const std::string& text) {
  return to_lower(text).starts_with("v=sts");
}

void report_no_record(const Case& one) {
  const std::vector<std::string>& texts = one.sts().record.texts;
  if (std::ranges::any_of(texts, is_attempt)) {
    one.add(
        Code::mta_sts_record, Level::fault,
        {.seen = fmt::format("the record is not valid: {}", refusal_of(one.reading.mta_sts_record.findings)),
         .why = "Senders ignore it, and so the policy: mail is not protected.",
         .remedy = std::string(repair_record)});
    return;
  }
  one.add(Code::mta_sts_record, Level::note,
          {.seen = "there is no MTA-STS record",
           .why = "Senders without DANE cannot know that they must encrypt.",
           .remedy = "Publish MTA-STS, in mode testing first."});
}

// Returns whether there is a record.
bool judge_record(const Case& one) {
  const dns::Answer& answer = one.sts().record;
  if (is_bogus(answer)) {
    one.add(Code::mta_sts_record, Level::fault,
            {.seen = failed_lookup("the MTA-STS record", answer),
             .why = "Senders that validate DNSSEC see no policy.",
             .remedy = "Repair the signatures of the zone."});
    return false;
  }
  if (answer.status == Status::failed) {
    one.add(Code::mta_sts_record, Level::cannot_tell,
            {.seen = failed_lookup("the MTA-STS record", answer),
             .why = "Whether there is a policy is unknown.",
             .remedy = "Try again, and with another resolver."});
    return false;
  }
  if (!one.reading.mta_sts_record.record) {
    report_no_record(one);
    return false;
  }
  one.ok(Code::mta_sts_record,
         fmt::format("the record has the id {}", one.reading.mta_sts_record.record->id));
  add_syntax(one.report, Code::mta_sts_record_syntax, one.subject, one.reading.mta_sts_record.findings,
             repair_record);
  return true;
}

void report_policy_fault(const Case& one, std::string seen, std::string_view remedy) {
  one.add(Code::mta_sts_policy, Level::fault,
          {.seen = std::move(seen),
           .why = "Senders that have no earlier policy deliver without protection.",
           .remedy = std::string(remedy)});
}

void report_policy_unknown(const Case& one, std::string seen) {
  one.add(
      Code::mta_sts_policy, Level::cannot_tell,
      {.seen = std::move(seen),
       .why =
           "Senders that have no earlier policy deliver without protection, if they cannot reach it either.",
       .remedy = "Try again, and from another network."});
}

void judge_no_page(const Case& one) {
  for (const auto* answer : {&one.sts().a, &one.sts().aaaa}) {
    if (!*answer || (*answer)->status != Status::failed) continue;
    const std::string seen = failed_lookup("the address of the policy host", **answer);
    if (is_bogus(**answer)) return report_policy_fault(one, seen, "Repair the signatures of its zone.");
    return report_policy_unknown(one, seen);
  }
  report_policy_fault(one, fmt::format("the policy host mta-sts.{} has no address", one.facts().domain.str()),
                      "Publish its address.");
}

// Returns whether there is a text to read.
bool judge_fetch(const Case& one) {
  const http::Page& page = *one.sts().page;
  const std::string seen = fmt::format("the policy cannot be fetched: {}", page.reason);
  switch (page.error) {
    case FetchError::none:
      one.ok(Code::mta_sts_policy, "the policy host returns the policy");
      return true;
    case FetchError::certificate:
      one.add(
          Code::mta_sts_policy_certificate, Level::fault,
          {.seen = seen,
           .why = "Senders that have no earlier policy deliver without protection.",
           .remedy = "Give the policy host a certificate of a public authority for its name, and renew it in "
                     "time."});
      return false;
    case FetchError::redirect:
      one.add(Code::mta_sts_policy_redirect, Level::fault,
              {.seen = seen,
               .why = "Senders must not follow a redirect, so they see no policy.",
               .remedy = "Serve the policy at this very URL."});
      return false;
    case FetchError::address:
      report_policy_fault(one, seen, "Publish a public address of the policy host.");
      return false;
    case FetchError::tls:
      report_policy_fault(one, seen, "Switch TLS 1.2 and 1.3 on at the web server.");
      return false;
    case FetchError::status:
      report_policy_fault(one, seen, "Serve the policy as /.well-known/mta-sts.txt.");
      return false;
    case FetchError::too_large:
      report_policy_fault(one, seen, "Shorten it: senders read 64 KiB.");
      return false;
    case FetchError::connection:
    case FetchError::timeout:
    case FetchError::busy:
      report_policy_unknown(one, seen);
      return false;
  }
  return false;
}

void judge_certificate(const Case& one) {
  if (!one.sts().certificate) return;
  const certificate::Certificate& certificate = *one.sts().certificate;
  const DomainFacts& facts = one.facts();
  const std::string seen =
      fmt::format("the certificate of the policy host ends on {}", shown_day(certificate.not_after));
  if (certificate.not_after > facts.later) return one.ok(Code::mta_sts_policy_certificate, seen);
  one.add(Code::mta_sts_policy_certificate, ends_soon(certificate, facts.now) ? Level::warning : Level::note,
          {.seen = fmt::format("{}, in {}", seen, days_between(facts.now, certificate.not_after)),
           .why = "From then on senders cannot fetch the policy.",
           .remedy = "Check that it is renewed by itself, and that the web server then loads it."});
}

void judge_type(const Case& one) {
  const std::string& type = one.sts().page->content_type;
  const std::string media = to_lower(trim(std::string_view(type).substr(0, type.find(';'))));
  if (media == "text/plain") return one.ok(Code::mta_sts_policy_type, "the policy is text/plain");
  one.add(Code::mta_sts_policy_type, Level::warning,
          {.seen = media.empty() ? "the policy has no media type"
                                 : fmt::format("the policy has the media type {}", printable(media, 100)),
           .why = "Senders should refuse what is not text/plain.",
           .remedy = "Let the web server send 'Content-Type: text/plain'."});
}

// judge_max_age() has more to say about it.
bool is_about_max_age(const starttls::Finding& finding) {
  return finding.severity == Severity::note && finding.message.starts_with("max_age ");
}

// Returns whether senders can use the policy.
bool judge_syntax(const Case& one) {
  std::vector<starttls::Finding> findings = one.reading.mta_sts_policy.findings;
  std::erase_if(findings, is_about_max_age);
  if (!one.reading.mta_sts_policy.policy) {
    one.add(Code::mta_sts_policy_syntax, Level::fault,
            {.seen = fmt::format("the policy is not valid: {}", refusal_of(findings)),
             .why = "Senders ignore it: those that have no earlier policy deliver without protection.",
             .remedy = std::string(repair_policy)});
    return false;
  }
  add_syntax(one.report, Code::mta_sts_policy_syntax, one.subject, findings, repair_policy);
  if (findings.empty()) one.ok(Code::mta_sts_policy_syntax, "the policy is valid");
  return true;
}

void judge_mode(const Case& one, const mtasts::Policy& policy) {
  switch (policy.mode) {
    case Mode::enforce:
      return one.ok(Code::mta_sts_mode, "the mode is enforce");
    case Mode::testing:
      one.add(Code::mta_sts_mode, Level::note,
              {.seen = "the mode is testing",
               .why = "Senders report what fails, and deliver all the same.",
               .remedy = "Once the reports show no failure, change the mode to enforce, and the id."});
      return;
    case Mode::none:
      one.add(Code::mta_sts_mode, Level::note,
              {.seen = "the mode is none",
               .why = "The policy protects nothing: it ends an earlier one.",
               .remedy = "Remove the record, once the max_age of the earlier policy has passed."});
      return;
  }
}

void judge_max_age(const Case& one, const mtasts::Policy& policy) {
  if (policy.mode == Mode::none) return;
  const std::string seen = fmt::format("max_age is {} seconds", policy.max_age.count());
  if (policy.max_age >= week) return one.ok(Code::mta_sts_max_age, seen);
  const bool too_short = policy.max_age < day;
  one.add(Code::mta_sts_max_age, too_short ? Level::warning : Level::note,
          {.seen = fmt::format("{}, less than {}", seen, too_short ? "a day" : "a week"),
           .why = too_short ? "Senders that fetch it daily forget it in between: an attacker needs only wait."
                            : "An attacker who blocks the policy host needs only wait so long.",
           .remedy = "Let max_age grow to some weeks."});
}

// RFC 8461 section 3.1: senders fetch the policy again where the id is new.
void judge_id(const Case& one, const mtasts::Policy& policy) {
  const auto& before = one.sts().before;
  if (!before || before->id.empty()) return;
  const bool has_changed = policy_strings(before->policy) != policy_strings(policy);
  if (!has_changed || before->id != one.reading.mta_sts_record.record->id) {
    return one.ok(Code::mta_sts_id,
                  has_changed ? "the id changed with the policy" : "the policy is as before");
  }
  one.add(
      Code::mta_sts_id, Level::warning,
      {.seen = fmt::format("the policy has changed since {}, and the id has not", shown_day(before->fetched)),
       .why = "Senders use the earlier policy until they fetch it again, up to its max_age.",
       .remedy = "Change the id whenever the policy changes."});
}

void judge_hosts(const Case& one, const mtasts::Policy& policy) {
  for (const HostFacts& host : one.facts().hosts) {
    const auto name = DomainName::parse(host.name);
    if (!name) continue;  // judge_mx()
    const Subject subject = subject_of(host);
    if (policy.matches(*name)) {
      one.report.ok(Code::mta_sts_mx, subject, "the MTA-STS policy covers it");
      continue;
    }
    const bool enforced = policy.mode == Mode::enforce;
    one.report.add(Code::mta_sts_mx, enforced ? Level::fault : Level::warning, subject,
                   {.seen = "no pattern of the MTA-STS policy covers it",
                    .why = enforced ? "Senders that follow MTA-STS do not deliver to this host."
                                    : "Once the policy is enforced, senders do not deliver to this host.",
                    .remedy = "Add it to the policy, and change the id."});
  }
}

void judge_patterns(const Case& one, const mtasts::Policy& policy) {
  if (one.facts().hosts_left_out > 0 || one.facts().only_host) return;
  for (const mtasts::MxPattern& pattern : policy.mx) {
    const bool is_used = std::ranges::any_of(one.facts().hosts, [&](const HostFacts& host) {
      const auto name = DomainName::parse(host.name);
      return name && pattern.matches(*name);
    });
    if (is_used) continue;
    one.add(Code::mta_sts_pattern, Level::note,
            {.seen = fmt::format("the pattern {} covers no MX host", pattern.str()),
             .why = "It allows a host that receives no mail now. Before a change of MX hosts that is right.",
             .remedy = "Remove it if no such host is to come."});
  }
}

}  // namespace

void judge_mta_sts(const Reading& reading, Report& report) {
  const Case one{.reading = reading, .subject = subject_of(reading.facts), .report = report};
  if (!judge_record(one)) return;
  if (!one.sts().page) return judge_no_page(one);
  if (!judge_fetch(one)) return;
  judge_certificate(one);
  judge_type(one);
  if (!judge_syntax(one)) return;
  const mtasts::Policy& policy = *reading.mta_sts_policy.policy;
  judge_mode(one, policy);
  judge_max_age(one, policy);
  judge_id(one, policy);
  if (policy.mode == Mode::none || reading.facts.mx.status == Status::failed) return;
  judge_hosts(one, policy);
  judge_patterns(one, policy);
}

}  // namespace starttls::examination
