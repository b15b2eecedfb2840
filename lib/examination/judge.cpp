#include "examination/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

constexpr std::size_t max_name = 300;  // bytes of a name that is shown

bool is_unreachable(const smtp::ProbeFacts& probe) {
  return probe.reached == smtp::Step::connection &&
         (probe.stop == smtp::Stop::unreachable || probe.stop == smtp::Stop::timeout);
}

bool is_ipv6(const AddressFacts& address) {
  return address.address.contains(':');
}

// Whether all addresses that were asked, of those that `counts` accepts, cannot be reached; false without any.
template <class Counts>
bool all_unreachable(const DomainFacts& facts, Counts counts) {
  std::size_t asked = 0;
  std::size_t unreachable = 0;
  for_each_address(facts, [&](const HostFacts&, const AddressFacts& address) {
    if (!address.newest || address.newest->stop == smtp::Stop::not_allowed || !counts(address)) return;
    ++asked;
    if (is_unreachable(*address.newest)) ++unreachable;
  });
  return asked > 0 && asked == unreachable;
}

}  // namespace

Subject subject_of(const DomainFacts& facts) {
  return {.kind = Subject::Kind::domain, .name = facts.domain.str(), .address = {}};
}

Subject subject_of(const HostFacts& host) {
  return {.kind = Subject::Kind::mx_host, .name = printable(host.name, max_name), .address = {}};
}

Subject subject_of(const HostFacts& host, const AddressFacts& address) {
  return {.kind = Subject::Kind::address, .name = printable(host.name, max_name), .address = address.address};
}

bool is_own_network_blocked(const DomainFacts& facts) {
  if (facts.reached.ipv4 || facts.reached.ipv6) return false;
  return all_unreachable(facts, [](const AddressFacts&) { return true; });
}

bool is_out_of_reach(const DomainFacts& facts, const AddressFacts& address) {
  if (!address.newest || !is_unreachable(*address.newest)) return false;
  const bool ipv6 = is_ipv6(address);
  return is_own_network_blocked(facts) ||
         (ipv6 && !facts.reached.ipv6 &&
          all_unreachable(facts, [](const AddressFacts& other) { return is_ipv6(other); }));
}

const smtp::Handshake* handshake_of(const AddressFacts& address) {
  for (const auto* probe : {&address.newest, &address.oldest}) {
    if (*probe && (*probe)->tls) return &*(*probe)->tls;
  }
  return nullptr;
}

bool is_without_tls(const AddressFacts& address) {
  return handshake_of(address) == nullptr && address.newest && is_without_tls(*address.newest);
}

bool is_without_tls(const smtp::ProbeFacts& probe) {
  switch (probe.stop) {
    case smtp::Stop::no_starttls:
    case smtp::Stop::handshake:
      return true;
    case smtp::Stop::starttls_rejected:
      return probe.starttls && probe.starttls->severity() == 5;
    default:
      return false;
  }
}

Level level_of_tls(Demand demand) {
  return demand == Demand::enforce ? Level::fault : Level::warning;
}

std::string why_tls(Demand demand, std::string_view source) {
  switch (demand) {
    case Demand::enforce:
      return fmt::format("Senders that follow {} do not deliver to this address.", source);
    case Demand::testing:
      return fmt::format("Senders deliver in plaintext. Once {} is enforced, they no longer deliver.",
                         source);
    case Demand::none:
      return "Senders deliver in plaintext, which everybody on the way can read.";
  }
  return {};
}

Level level_of_webpki(const Reading& reading, const HostFacts& host) {
  switch (webpki_demand(reading, host.name)) {
    case Demand::enforce:
      return Level::fault;
    case Demand::testing:
      return Level::warning;
    case Demand::none:
      return has_dane(host) ? Level::ok : Level::note;
  }
  return Level::note;
}

std::string why_webpki(const Reading& reading, const HostFacts& host) {
  const std::string source = webpki_source(reading, host.name);
  switch (webpki_demand(reading, host.name)) {
    case Demand::enforce:
      return fmt::format("Senders that follow {} do not deliver to this address.", source);
    case Demand::testing:
      return fmt::format("Senders deliver and report it. Once {} is enforced, they no longer deliver.",
                         source);
    case Demand::none:
      if (has_dane(host)) return {};
      return "Nothing demands it: senders encrypt without checking with whom they speak.";
  }
  return {};
}

std::string shown_day(Time time) {
  return starttls::to_string(to_day(time));
}

std::string days_between(Time from, Time to) {
  const auto days = std::chrono::floor<std::chrono::days>(to - from).count();
  return counted(static_cast<std::uint64_t>(std::max<decltype(days)>(days, 0)), "day");
}

bool ends_soon(const certificate::Certificate& certificate, Time now) {
  return (certificate.not_after - now) * 3 < certificate.not_after - certificate.not_before;
}

void add_syntax(Report& report, Code code, const Subject& subject,
                const std::vector<starttls::Finding>& findings, std::string_view remedy) {
  for (const starttls::Finding& finding : findings) {
    if (finding.severity == Severity::refused) continue;
    const bool is_note = finding.severity == Severity::note;
    report.add(code, is_note ? Level::note : Level::warning, subject,
               {.seen = to_string(finding),
                .why = is_note ? "Senders use the rest." : "Some senders may ignore all of it for that.",
                .remedy = std::string(remedy)});
  }
}

std::string failed_lookup(std::string_view what, const dns::Answer& answer) {
  return fmt::format("{} cannot be looked up: {}", what,
                     answer.reason.empty() ? "no answer" : printable(answer.reason, max_name));
}

bool is_bogus(const dns::Answer& answer) {
  return answer.status == dns::Status::failed && answer.dnssec == dns::Dnssec::bogus;
}

Findings judge(const DomainFacts& facts) {
  const Reading reading = read(facts);
  Report report;
  judge_mx(reading, report);
  if (facts.mx.status != dns::Status::nxdomain && !has_only_null_mx(facts.mx)) {
    judge_smtp(reading, report);
    judge_starttls(reading, report);
    judge_tls(reading, report);
    judge_certificates(reading, report);
    judge_dane(reading, report);
    judge_mta_sts(reading, report);
    judge_tlsrpt(reading, report);
    judge_lists(reading, report);
  }
  Findings findings = std::move(report).take();
  sort(findings);
  return findings;
}

}  // namespace starttls::examination
