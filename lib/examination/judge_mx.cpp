// MX records and the addresses of MX hosts.

#include <fmt/ranges.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "dane/judgement.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using dns::Answer;
using dns::Dnssec;
using dns::Status;

bool has_address(const HostFacts& host) {
  return host.a.status == Status::found || host.aaaa.status == Status::found;
}

// Returns whether there are MX hosts to judge.
bool judge_records(const DomainFacts& facts, Report& report) {
  const Subject domain = subject_of(facts);
  const Answer& mx = facts.mx;
  if (is_bogus(mx)) {
    report.add(Code::mx_records, Level::fault, domain,
               {.seen = failed_lookup("the MX records", mx),
                .why = "Senders that validate DNSSEC do not deliver.",
                .remedy = "Repair the signatures of the zone, or its DS record at the parent."});
    return false;
  }
  if (mx.status == Status::failed) {
    report.add(Code::mx_records, Level::cannot_tell, domain,
               {.seen = failed_lookup("the MX records", mx),
                .why = "Mail waits as long as senders get no answer either.",
                .remedy = "Try again, and with another resolver."});
    return false;
  }
  if (mx.status == Status::nxdomain) {
    report.add(Code::mx_records, Level::fault, domain,
               {.seen = "there is no such domain",
                .why = "Mail returns to its sender at once.",
                .remedy = "Check how the name is written, and its delegation."});
    return false;
  }
  if (has_only_null_mx(mx)) {
    report.ok(Code::mx_null, domain, "the domain takes no mail (null MX)");
    return false;
  }
  if (mx.status == Status::nodata) {
    report.add(Code::mx_implicit, Level::note, domain,
               {.seen = "there are no MX records, so the domain is its own MX host",
                .why = "Its web server receives mail, if that has the same address.",
                .remedy = "Publish an MX record, or a null MX ('MX 0 .') if the domain takes no mail."});
  }
  return true;
}

void judge_set(const DomainFacts& facts, Report& report) {
  const Subject domain = subject_of(facts);
  if (std::ranges::any_of(facts.mx.mxs, [](const dns::Mx& mx) { return mx.host.empty(); })) {
    report.add(Code::mx_null, Level::fault, domain,
               {.seen = "there is a null MX beside other MX records",
                .why = "A null MX says that the domain takes no mail, so senders differ in what they do.",
                .remedy = "Remove the null MX, or all others."});
  }
  if (facts.mx.status == Status::found) {
    std::vector<std::string> names;
    names.reserve(facts.hosts.size());
    for (const HostFacts& host : facts.hosts) names.push_back(printable(host.name, 100));
    constexpr std::size_t shown = 5;
    const bool more = names.size() > shown;
    if (more) names.resize(shown);
    report.ok(Code::mx_records, domain,
              fmt::format("{}: {}{}", counted(facts.hosts.size() + facts.hosts_left_out, "MX host"),
                          fmt::join(names, ", "), more ? ", ..." : ""));
  }
  if (facts.hosts_left_out > 0) {
    report.add(Code::mx_number, Level::warning, domain,
               {.seen = fmt::format("there are {}; only the first {} were examined",
                                    counted(facts.hosts.size() + facts.hosts_left_out, "MX host"),
                                    facts.hosts.size()),
                .why = "Senders try only some of them: Postfix five addresses.",
                .remedy = "Publish fewer MX hosts, with more addresses each."});
  }
}

void judge_dnssec(const DomainFacts& facts, Report& report) {
  const Subject domain = subject_of(facts);
  if (facts.mx.dnssec == Dnssec::secure)
    return report.ok(Code::mx_dnssec, domain, "the MX records are signed");
  if (facts.mx.dnssec != Dnssec::insecure) return;
  const auto signed_host = std::ranges::find_if(facts.hosts, has_tlsa);
  if (signed_host == facts.hosts.end()) {
    report.add(
        Code::mx_dnssec, Level::note, domain,
        {.seen = "the MX records are not signed",
         .why = "DANE is not possible, and an attacker who forges answers of the DNS can redirect mail.",
         .remedy = "Sign the zone with DNSSEC."});
    return;
  }
  report.add(Code::mx_dnssec, Level::warning, domain,
             {.seen = fmt::format("the MX records are not signed, but {} has TLSA records",
                                  printable(signed_host->name, 100)),
              .why = "An attacker who forges the MX records leads mail to a host without TLSA records.",
              .remedy = "Sign the zone of the domain with DNSSEC."});
}

void judge_name(const HostFacts& host, Report& report) {
  const bool is_address = is_address_like(host.name);
  report.add(Code::mx_name, Level::fault, subject_of(host),
             {.seen = is_address ? "the MX record names an address" : "the MX record names no host",
              .why = "Senders do not deliver there.",
              .remedy = "Publish the name of a host that has address records."});
}

// Of the two answers for the addresses of a host, that which failed, bogus ones first.
const Answer* failed_answer(const HostFacts& host) {
  for (const Answer* answer : {&host.a, &host.aaaa}) {
    if (is_bogus(*answer)) return answer;
  }
  for (const Answer* answer : {&host.a, &host.aaaa}) {
    if (answer->status == Status::failed) return answer;
  }
  return nullptr;
}

void judge_addresses(const DomainFacts& facts, const HostFacts& host, Report& report) {
  const Subject subject = subject_of(host);
  const Answer* const failed = failed_answer(host);
  if (failed != nullptr && is_bogus(*failed)) {
    report.add(Code::mx_address, Level::fault, subject,
               {.seen = failed_lookup("its addresses", *failed),
                .why = "Senders that validate DNSSEC do not deliver there.",
                .remedy = "Repair the signatures of its zone, or the DS record at the parent."});
  } else if (has_address(host)) {
    report.ok(Code::mx_address, subject,
              counted(host.a.addresses.size() + host.aaaa.addresses.size(), "address"));
  } else if (failed != nullptr) {
    report.add(Code::mx_address, Level::cannot_tell, subject,
               {.seen = failed_lookup("its addresses", *failed),
                .why = "Senders skip the host as long as they get no answer either.",
                .remedy = "Try again, and with another resolver."});
  } else {
    const bool others = std::ranges::any_of(facts.hosts, has_address);
    report.add(Code::mx_address, others ? Level::warning : Level::fault, subject,
               {.seen = "it has no address",
                .why = others ? "Senders skip the host." : "Mail cannot be delivered.",
                .remedy = "Publish its addresses, or remove the MX record."});
  }
}

void judge_alias(const HostFacts& host, Report& report) {
  for (const Answer* answer : {&host.a, &host.aaaa}) {
    if (answer->canonical_name.empty() || !dane::is_alias(host.name, *answer)) continue;
    report.add(Code::mx_alias, Level::warning, subject_of(host),
               {.seen = fmt::format("it is an alias of {}", printable(answer->canonical_name, 300)),
                .why = "MX records must not name an alias: some senders refuse it.",
                .remedy = "Publish the name of the target in the MX record."});
    return;
  }
}

void judge_host(const DomainFacts& facts, const HostFacts& host, Report& report) {
  if (host.name.empty()) return;  // a null MX beside others
  if (!is_host(host)) return judge_name(host, report);
  judge_alias(host, report);
  judge_addresses(facts, host, report);
  for (const AddressFacts& address : host.addresses) {
    if (!address.newest || address.newest->stop != smtp::Stop::not_allowed) continue;
    report.add(Code::mx_address_private, Level::fault, subject_of(host, address),
               {.seen = "the address is not on the public Internet",
                .why = "Senders outside cannot deliver there. This one was not asked.",
                .remedy = "Publish a public address."});
  }
}

void judge_ipv6(const DomainFacts& facts, Report& report) {
  const auto has = [&](const Answer HostFacts::* answer, Status status) {
    return std::ranges::any_of(facts.hosts,
                               [&](const HostFacts& host) { return (host.*answer).status == status; });
  };
  if (has(&HostFacts::aaaa, Status::found))
    return report.ok(Code::mx_ipv6, subject_of(facts), "there is an MX host with an IPv6 address");
  if (!has(&HostFacts::a, Status::found) || has(&HostFacts::aaaa, Status::failed)) return;
  report.add(Code::mx_ipv6, Level::note, subject_of(facts),
             {.seen = "no MX host has an IPv6 address",
              .why = "Senders that have only IPv6 cannot deliver.",
              .remedy = "Give an MX host an IPv6 address."});
}

}  // namespace

bool is_host(const HostFacts& host) {
  return dane::is_host_name(host.name) && !is_address_like(host.name);
}

void judge_mx(const Reading& reading, Report& report) {
  const DomainFacts& facts = reading.facts;
  if (!judge_records(facts, report)) return;
  judge_set(facts, report);
  judge_dnssec(facts, report);
  judge_ipv6(facts, report);
  for (const HostFacts& host : facts.hosts) judge_host(facts, host, report);
}

}  // namespace starttls::examination
