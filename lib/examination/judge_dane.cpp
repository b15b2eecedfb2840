// DANE: TLSA records, and whether they match the certificates (RFC 7672).

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "certificate/tlsa.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using certificate::is_usable;
using certificate::TlsaMatch;
using dane::TlsaStatus;
using dns::Dnssec;
using dns::Status;

bool any_matches(const std::vector<TlsaMatch>& matches) {
  return std::ranges::any_of(matches, &TlsaMatch::matches);
}

std::vector<dns::Tlsa> usable_records(const HostFacts& host) {
  std::vector<dns::Tlsa> usable;
  std::ranges::copy_if(host.dane->records, std::back_inserter(usable), is_usable);
  return usable;
}

std::string shown(const dns::Tlsa& record) {
  return fmt::format("{} {} {}", record.usage, record.selector, record.matching_type);
}

bool matches_anywhere(const HostFacts& host, std::size_t record) {
  return std::ranges::any_of(host.addresses, [record](const AddressFacts& address) {
    return address.chain && record < address.chain->tlsa.size() && address.chain->tlsa[record].matches;
  });
}

// Whether a usable record matches none of the chains that were seen: it is for a key to come.
bool has_next_record(const HostFacts& host) {
  const std::vector<dns::Tlsa>& records = host.dane->records;
  for (std::size_t index = 0; index < records.size(); ++index) {
    if (is_usable(records[index]) && !matches_anywhere(host, index)) return true;
  }
  return false;
}

// Whether chains were seen, and none of them matches a record: judge_chain() has the fault.
bool matches_nowhere(const HostFacts& host) {
  bool seen = false;
  for (const AddressFacts& address : host.addresses) {
    if (address.chain && any_matches(address.chain->tlsa)) return false;
    seen = seen || address.chain.has_value();
  }
  return seen;
}

void judge_rollover(const HostFacts& host, Report& report) {
  const std::vector<dns::Tlsa> usable = usable_records(host);
  const Subject subject = subject_of(host);
  if (std::ranges::find(usable, certificate::dane_ta, &dns::Tlsa::usage) != usable.end())
    return report.ok(Code::dane_rollover, subject, "a TLSA record names an authority, so keys can change");
  if (usable.size() > 1 && has_next_record(host))
    return report.ok(Code::dane_rollover, subject, "there is more than one TLSA record");
  if (matches_nowhere(host)) return;
  const bool fragile = std::ranges::all_of(
      usable, [](const dns::Tlsa& record) { return record.selector == certificate::full_certificate; });
  report.add(
      Code::dane_rollover, fragile ? Level::warning : Level::note, subject,
      {.seen = fragile ? fmt::format("the only TLSA record ({}) is for the present certificate as a whole",
                                     shown(usable.front()))
                       : "there are TLSA records only for the present key",
       .why = fragile
                  ? "Each renewal of the certificate changes it: then senders with DANE do not deliver, "
                    "unless the record was changed before."
                  : "When the key changes, senders with DANE do not deliver, unless a record for the next "
                    "key was published before.",
       .remedy = "Publish '3 1 1' records for the present and the next key, or keep the key at renewals."});
}

void judge_single_records(const HostFacts& host, Report& report) {
  for (const dns::Tlsa& record : host.dane->records) {
    if (is_usable(record)) continue;
    report.add(Code::dane_usable, Level::note, subject_of(host),
               {.seen = fmt::format("a TLSA record ({}) is not usable for mail", shown(record)),
                .why = "Senders ignore it and use the others.",
                .remedy = "Remove it: usable are DANE-TA (2) and DANE-EE (3)."});
  }
}

void judge_unusable(const HostFacts& host, Report& report) {
  report.add(Code::dane_usable, Level::warning, subject_of(host),
             {.seen = host.dane->reason,
              .why = "Senders with DANE encrypt, but do not check with whom they speak.",
              .remedy = "Publish '3 1 1' records."});
}

void judge_absent(const HostFacts& host, Report& report) {
  const Subject subject = subject_of(host);
  if (host.tlsa.status == Status::found) {
    report.add(
        Code::dane_unsigned, Level::warning, subject,
        {.seen = fmt::format("there are TLSA records, but {}",
                             host.tlsa.dnssec == Dnssec::secure ? "the addresses of the host are not signed"
                                                                : "they are not signed"),
         .why = "Senders must ignore them.",
         .remedy = "Sign the zone of the host with DNSSEC, and the DS record at the parent."});
    return;
  }
  report.add(Code::dane_records, Level::note, subject,
             {.seen = "there are no TLSA records",
              .why = "Senders with DANE encrypt only if nobody on the way hinders them.",
              .remedy = "Publish TLSA records, where the zone is signed."});
}

bool is_bogus_host(const HostFacts& host) {
  return is_bogus(host.a) || is_bogus(host.aaaa) || is_bogus(host.tlsa);
}

void judge_unknown(const HostFacts& host, Report& report) {
  const bool bogus = is_bogus_host(host);
  report.add(
      Code::dane_records, bogus ? Level::fault : Level::cannot_tell, subject_of(host),
      {.seen = host.dane->reason,
       .why = bogus ? "Senders with DANE do not deliver to this host."
                    : "As long as senders with DANE get no answer either, they do not deliver to this host.",
       .remedy = bogus ? "Repair the signatures of its zone, or the name servers' answers for TLSA."
                       : "Try again, and with another resolver: some name servers fail on TLSA."});
}

void judge_chain(const HostFacts& host, const AddressFacts& address, Report& report) {
  const Subject subject = subject_of(host, address);
  const ChainFacts& chain = *address.chain;
  if (!any_matches(chain.tlsa)) {
    std::string reason;
    for (const TlsaMatch& match : chain.tlsa) {
      if (reason.empty() && !match.reason.empty()) reason = ": " + match.reason;
    }
    report.add(Code::dane_match, Level::fault, subject,
               {.seen = fmt::format("no TLSA record matches the certificate{}", reason),
                .why = "Senders with DANE do not deliver to this address.",
                .remedy = "Publish a record for this key, or put the key back that the records are for."});
    return;
  }
  report.ok(Code::dane_match, subject, "a TLSA record matches the certificate");
  if (any_matches(chain.tlsa_later)) return;
  report.add(Code::dane_expiry, Level::warning, subject,
             {.seen = "a certificate that DANE-TA needs runs out",
              .why = "From then on no TLSA record matches, and senders with DANE do not deliver.",
              .remedy = "Check that it is renewed by itself, and that the mail server then loads it."});
}

void judge_matches(const DomainFacts& facts, const HostFacts& host, Report& report) {
  for (const AddressFacts& address : host.addresses) {
    if (!address.newest || is_out_of_reach(facts, address) || address.newest->stop == smtp::Stop::not_allowed)
      continue;
    if (address.chain) {
      judge_chain(host, address, report);
    } else if (!is_without_tls(address)) {  // else judge_starttls() or judge_tls() have a fault
      report.add(Code::dane_match, Level::cannot_tell, subject_of(host, address),
                 {.seen = "its certificate was not seen",
                  .why = "Whether the TLSA records match it is unknown.",
                  .remedy = "Try again later, and from another network."});
    }
  }
}

void judge_agreement(const Reading& reading, const HostFacts& host, Report& report) {
  const mtasts::Policy* const policy = mta_sts_policy(reading);
  const auto name = DomainName::parse(host.name);
  if (policy == nullptr || policy->mode == mtasts::Mode::none || !name) return;
  if (policy->matches(*name))
    return report.ok(Code::dane_mta_sts, subject_of(host), "MTA-STS and DANE both allow it");
  report.add(Code::dane_mta_sts, Level::warning, subject_of(host),
             {.seen = "DANE authenticates it, and the MTA-STS policy does not allow it",
              .why = "Senders differ in whether they deliver there.",
              .remedy = "Add it to the policy, and change the id."});
}

void judge_host(const Reading& reading, const HostFacts& host, Report& report) {
  if (!host.dane) return;
  switch (host.dane->tlsa) {
    case TlsaStatus::usable:
      report.ok(Code::dane_records, subject_of(host),
                fmt::format("{}, usable and signed", counted(usable_records(host).size(), "TLSA record")));
      judge_single_records(host, report);
      judge_rollover(host, report);
      judge_matches(reading.facts, host, report);
      judge_agreement(reading, host, report);
      break;
    case TlsaStatus::unusable:
      judge_unusable(host, report);
      break;
    case TlsaStatus::absent:
      judge_absent(host, report);
      break;
    case TlsaStatus::unknown:
      judge_unknown(host, report);
      break;
    case TlsaStatus::unreachable:
      break;  // judge_mx()
  }
}

void judge_coverage(const DomainFacts& facts, Report& report) {
  const auto with = std::ranges::count_if(facts.hosts, has_dane);
  if (with == 0) return;
  const auto without = std::ranges::find_if(facts.hosts, [](const HostFacts& host) {
    return host.dane && (host.dane->tlsa == TlsaStatus::absent || host.dane->tlsa == TlsaStatus::unusable);
  });
  if (without == facts.hosts.end() && facts.hosts_left_out == 0)
    return report.ok(Code::dane_coverage, subject_of(facts), "every MX host has usable TLSA records");
  report.add(Code::dane_coverage, Level::warning, subject_of(facts),
             {.seen = without == facts.hosts.end()
                          ? "not all MX hosts were examined"
                          : fmt::format("some MX hosts have usable TLSA records, and {} has none",
                                        printable(without->name, 200)),
              .why = "An attacker who blocks the others leads mail to a host without them.",
              .remedy = "Publish TLSA records for every MX host."});
}

}  // namespace

void judge_dane(const Reading& reading, Report& report) {
  const DomainFacts& facts = reading.facts;
  if (facts.mx.status == Status::failed) return;
  if (facts.mx.dnssec == Dnssec::indeterminate) {
    report.add(Code::dane_validation, Level::cannot_tell, subject_of(facts),
               {.seen = "the answers of the DNS are not validated here",
                .why = "Nothing is known of DANE.",
                .remedy = "Use a resolver that passes DNSSEC signatures on; see [dns] in listtool.toml(5)."});
    return;
  }
  judge_coverage(facts, report);
  for (const HostFacts& host : facts.hosts) judge_host(reading, host, report);
}

}  // namespace starttls::examination
