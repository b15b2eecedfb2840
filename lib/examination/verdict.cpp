// What happens to the mail of each kind of sender.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/counted.h"
#include "base/text.h"
#include "examination/judge.h"
#include "examination/judges.h"
#include "examination/ncsc.h"

namespace starttls::examination {
namespace {

using certificate::ChainFault;
using dane::TlsaStatus;
using dns::Status;

enum class Passes { yes, no, unknown };

// What a sender meets at the addresses of some hosts.
struct Count {
  std::size_t yes = 0;
  std::size_t no = 0;
  std::size_t unknown = 0;

  void add(Passes passes) {
    if (passes == Passes::yes) ++yes;
    if (passes == Passes::no) ++no;
    if (passes == Passes::unknown) ++unknown;
  }
  std::size_t all() const { return yes + no + unknown; }
};

Passes has_tls(const AddressFacts& address) {
  if (handshake_of(address) != nullptr) return Passes::yes;
  return is_without_tls(address) ? Passes::no : Passes::unknown;
}

Passes has_webpki(const HostFacts&, const AddressFacts& address) {
  const Passes tls = has_tls(address);
  if (tls != Passes::yes) return tls;
  if (rate_version(handshake_of(address)->version) == Rating::insufficient) return Passes::no;
  if (!address.chain) return Passes::no;  // a handshake without a certificate
  return address.chain->trust.fault == ChainFault::none && address.chain->has_name ? Passes::yes : Passes::no;
}

Passes has_tlsa_match(const HostFacts&, const AddressFacts& address) {
  const Passes tls = has_tls(address);
  if (tls != Passes::yes) return tls;
  if (!address.chain) return Passes::no;
  return std::ranges::any_of(address.chain->tlsa, &certificate::TlsaMatch::matches) ? Passes::yes
                                                                                    : Passes::no;
}

bool has_unknown_address(const HostFacts& host) {
  return is_host(host) && host.addresses.empty() &&
         (host.a.status == Status::failed || host.aaaa.status == Status::failed);
}

// Counts the addresses of the hosts that `takes` accepts.
template <class Takes, class Test>
Count count(const DomainFacts& facts, Takes takes, Test passes) {
  Count count;
  for (const HostFacts& host : facts.hosts) {
    if (!takes(host)) continue;
    if (has_unknown_address(host)) count.add(Passes::unknown);
    for (const AddressFacts& address : host.addresses) {
      const bool asked = address.newest.has_value();
      count.add(asked ? passes(host, address) : Passes::unknown);
    }
  }
  return count;
}

constexpr auto every_host = [](const HostFacts&) { return true; };

Verdict make(Sender sender, Outcome outcome, std::string reason) {
  return {.sender = sender, .outcome = outcome, .reason = std::move(reason)};
}

// Of a sender that demands authentication of every host that it uses.
Verdict authenticated(Sender sender, const Count& count, std::string_view none) {
  if (count.all() == 0) return make(sender, Outcome::defers, std::string(none));
  if (count.yes > 0) {
    return make(sender, Outcome::delivers,
                fmt::format("{} of {} authenticated", count.yes, counted(count.all(), "address")));
  }
  if (count.unknown > 0)
    return make(sender, Outcome::cannot_tell, "the certificates of the MX hosts were not seen");
  return make(sender, Outcome::defers, "no MX host can be authenticated");
}

// Of a sender that demands nothing.
Verdict opportunistic(Sender sender, const DomainFacts& facts, std::string_view because) {
  const Count tls = count(facts, every_host,
                          [](const HostFacts&, const AddressFacts& address) { return has_tls(address); });
  const std::string reason = because.empty() ? "" : fmt::format("{}, and ", because);
  if (tls.yes > 0) {
    return make(sender, Outcome::can_be_stripped,
                fmt::format("{}TLS at {} of {}, which nothing demands", reason, tls.yes,
                            counted(tls.all(), "address")));
  }
  if (tls.unknown > 0) {
    return make(sender, Outcome::cannot_tell,
                fmt::format("{}whether the MX hosts offer TLS is unknown", reason));
  }
  if (tls.all() == 0) return make(sender, Outcome::defers, "no MX host has an address");
  return make(sender, Outcome::plaintext, fmt::format("{}no MX host offers TLS that works", reason));
}

// What holds for every sender, by the MX records alone.
std::optional<Verdict> by_mx(Sender sender, const dns::Answer& mx) {
  if (is_bogus(mx) && sender == Sender::dane)
    return make(sender, Outcome::defers, "the MX records do not pass validation");
  if (is_bogus(mx))
    return make(sender, Outcome::cannot_tell, "only senders that do not validate DNSSEC see the MX records");
  if (mx.status == Status::failed)
    return make(sender, Outcome::cannot_tell, "the MX records cannot be looked up");
  if (mx.status == Status::nxdomain) return make(sender, Outcome::no_mail, "there is no such domain");
  if (has_only_null_mx(mx)) return make(sender, Outcome::no_mail, "the domain takes no mail");
  return std::nullopt;
}

bool is_policy_unknown(const Reading& reading) {
  const MtaStsFacts& sts = reading.facts.mta_sts;
  if (sts.record.status == Status::failed) return !is_bogus(sts.record);
  if (!reading.mta_sts_record.record) return false;
  if (!sts.page) {
    return (sts.a && sts.a->status == Status::failed) || (sts.aaaa && sts.aaaa->status == Status::failed);
  }
  using http::FetchError;
  return sts.page->error == FetchError::connection || sts.page->error == FetchError::timeout ||
         sts.page->error == FetchError::busy;
}

Verdict of_mta_sts(const Reading& reading) {
  const DomainFacts& facts = reading.facts;
  if (is_policy_unknown(reading))
    return make(Sender::mta_sts, Outcome::cannot_tell, "the MTA-STS policy is not known");
  const mtasts::Policy* const policy = mta_sts_policy(reading);
  if (policy == nullptr) return opportunistic(Sender::mta_sts, facts, "there is no valid MTA-STS policy");
  if (policy->mode != mtasts::Mode::enforce) {
    return opportunistic(Sender::mta_sts, facts,
                         fmt::format("the mode of the MTA-STS policy is {}", to_string(policy->mode)));
  }
  const auto is_covered = [policy](const HostFacts& host) {
    const auto name = DomainName::parse(host.name);
    return name && policy->matches(*name);
  };
  return authenticated(Sender::mta_sts, count(facts, is_covered, has_webpki),
                       std::ranges::any_of(facts.hosts, is_covered)
                           ? "no MX host of the policy has an address"
                           : "the policy covers no MX host");
}

// A sender that follows lists and overrides: the last entry that applies.
std::optional<Verdict> of_lists(const Reading& reading) {
  const DomainFacts& facts = reading.facts;
  const ListFacts* entry = nullptr;
  for (const ListFacts& list : facts.lists) {
    if (applies(list, facts.now)) entry = &list;
  }
  if (entry == nullptr) return std::nullopt;
  if (const auto decided = by_mx(Sender::list, facts.mx)) return decided;
  if (entry->mode != mtasts::Mode::enforce)
    return opportunistic(Sender::list, facts, fmt::format("the entry has mode {}", to_string(entry->mode)));
  const auto is_covered = [entry](const HostFacts& host) {
    const auto name = DomainName::parse(host.name);
    return name && covers(*entry, *name);
  };
  return authenticated(Sender::list, count(facts, is_covered, has_webpki),
                       std::ranges::any_of(facts.hosts, is_covered) ? "no MX host of the entry has an address"
                                                                    : "the entry covers no MX host");
}

// The first host of which `tlsa` holds, and that takes mail.
const HostFacts* find_host(const DomainFacts& facts, TlsaStatus tlsa) {
  const auto found = std::ranges::find_if(
      facts.hosts, [tlsa](const HostFacts& host) { return host.dane && host.dane->tlsa == tlsa; });
  return found == facts.hosts.end() ? nullptr : &*found;
}

Verdict of_dane(const DomainFacts& facts) {
  if (facts.mx.dnssec == dns::Dnssec::indeterminate)
    return make(Sender::dane, Outcome::cannot_tell, "the answers of the DNS are not validated here");
  const bool any_usable = find_host(facts, TlsaStatus::usable) != nullptr;
  const bool any_unknown = find_host(facts, TlsaStatus::unknown) != nullptr;
  for (const TlsaStatus open : {TlsaStatus::absent, TlsaStatus::unusable}) {
    const HostFacts* const host = find_host(facts, open);
    if (host == nullptr) continue;
    return opportunistic(Sender::dane, facts,
                         any_usable || any_unknown
                             ? fmt::format("{} has no usable TLSA records", printable(host->name, 200))
                             : "there are no usable TLSA records");
  }
  if (!any_usable && any_unknown)
    return make(Sender::dane, Outcome::cannot_tell, "the TLSA records cannot be looked up");
  Count matches = count(facts, has_dane, has_tlsa_match);
  if (any_unknown) matches.add(Passes::unknown);
  Verdict verdict = authenticated(Sender::dane, matches, "no MX host has an address");
  if (verdict.outcome == Outcome::delivers && facts.mx.dnssec != dns::Dnssec::secure) {
    verdict.outcome = Outcome::can_be_stripped;
    verdict.reason += ", but the MX records are not signed";
  }
  return verdict;
}

std::string_view shown(Sender sender) {
  switch (sender) {
    case Sender::mta_sts:
      return "A sender with MTA-STS";
    case Sender::dane:
      return "A sender with DANE";
    case Sender::list:
      return "A sender with the list or override";
    case Sender::opportunistic:
      return "Any other sender";
  }
  return {};
}

}  // namespace

std::string to_string(const Verdict& verdict) {
  return fmt::format("{} {}: {}", shown(verdict.sender), to_string(verdict.outcome), verdict.reason);
}

std::vector<Verdict> verdicts(const DomainFacts& facts) {
  const Reading reading = read(facts);
  const auto decided = [&facts](Sender sender) { return by_mx(sender, facts.mx); };
  std::vector<Verdict> all;
  all.push_back(decided(Sender::mta_sts).or_else([&] { return std::optional(of_mta_sts(reading)); }).value());
  all.push_back(decided(Sender::dane).or_else([&] { return std::optional(of_dane(facts)); }).value());
  if (auto list = of_lists(reading)) all.push_back(std::move(*list));
  all.push_back(decided(Sender::opportunistic)
                    .or_else([&] { return std::optional(opportunistic(Sender::opportunistic, facts, "")); })
                    .value());
  return all;
}

}  // namespace starttls::examination
