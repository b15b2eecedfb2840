// Whether DANE binds the mail servers of a domain, as RFC 7672 has a sending server find out:
//
//   MX -> each host's addresses (must be secure) -> TLSA at _25._tcp.HOST (must be secure)
//
// Of a next-hop with a port the TLSA records are those at this port. One in brackets is the only host, and
// its standing is all, unusable, none or unknown.
//
// Postfix asks the same questions again when it delivers; here is only decided which level it gets:
//
//   standing     what is so                                                          Postfix gets
//   all          every MX host has usable TLSA records                               dane-only
//   some         one has; others have none, or their lookups fail                    dane
//   failing      the MX set is signed; the lookups of some hosts fail, and the       dane
//                others have no usable records
//   unusable     there are TLSA records, but none that can be used                   dane
//   insecure     the MX set is not signed, but a host has TLSA records, or its       dane
//                lookups fail
//   none         there are provably no TLSA records, no host is signed, or the       nothing
//                domain takes no mail
//   unknown      the MX lookup failed or is bogus, or the lookups of all hosts do    dane
//   unvalidated  the resolver leaves out what validation needs                       dane
//
// With `dane` Postfix does for each host what RFC 7672 section 2.2 says: it authenticates where there are
// usable records, encrypts without authentication where they are all unusable, keeps away from a host whose
// TLSA lookup fails, and is opportunistic where there are none. So an attacker who drops the answers to our
// questions, but not those to Postfix, gains nothing. `dane-only` is kept for where nothing but DANE can be
// right, as it holds back mail for hosts without usable records. Behind an MX set that is not signed DANE is
// worth something only against who cannot forge that (RFC 7672 section 2.2.1); Postfix decides by
// smtp_tls_dane_insecure_mx_policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/next_hop.h"
#include "dns/resolver.h"
#include "event/task.h"

namespace starttls::dane {

// What the TLSA records of one MX host come to (RFC 7672 sections 2.2 and 3.1, RFC 7671 section 5).
enum class TlsaStatus {
  usable,    // at least one usable record: DANE-TA(2) or DANE-EE(3), selector 0 or 1, matching type 0 to 2,
             // with data of the right length, or that is a certificate or key where it is no digest
  unusable,  // there are records, none of them usable: encryption without authentication is due
  absent,    // there are provably none, or the addresses of the host are not signed
  unreachable,  // it provably has no address, or is no host name: nobody delivers there, so it does not count
  unknown,      // cannot tell now: the lookup of its addresses or TLSA records failed, or is bogus
};

// For at least one record.
TlsaStatus tlsa_status(std::span<const dns::Tlsa> records);

struct Host {
  std::string name;  // lower case, without trailing dot
  TlsaStatus tlsa = TlsaStatus::unknown;
  std::string reason;              // a sentence, where it is not bound
  std::vector<dns::Tlsa> records;  // where it is bound, with Detail::records; at most max_kept_records
};

// What is true of the domain as a whole; see the table above.
enum class DaneStatus { all, some, failing, unusable, insecure, none, unknown, unvalidated };

// Whether DNSSEC has proven TLSA records that bind at least one MX host.
constexpr bool has_usable_tlsa(DaneStatus status) {
  return status == DaneStatus::all || status == DaneStatus::some;
}

std::string_view to_string(TlsaStatus tlsa);
std::string_view to_string(DaneStatus status);

struct DaneResult {
  DaneStatus status = DaneStatus::unknown;
  std::vector<Host> hosts;  // by MX preference; empty where the MX set is not signed or cannot be told
  std::chrono::seconds ttl{
      0};              // how long this may be believed: the least TTL of all answers, 0 where one failed
  std::string reason;  // a sentence for a person: "all 2 MX hosts have usable TLSA records"
};

// Bytes on the heap.
std::size_t heap_size(const Host& host);
std::size_t heap_size(const DaneResult& verdict);

// What is kept beside the standing. A domain may have many hosts with 64 KiB of TLSA records each, so that a
// program that keeps verdicts keeps no more of them than it shows. It changes no standing: that rests on all
// records that were sent.
enum class Detail {
  none,     // no hosts
  hosts,    // without their records
  records,  // hosts with their records
};

// Of one host. Postfix from 3.7.12 and 3.9.1 on ignores all records of an answer after the first 100.
inline constexpr std::size_t max_kept_records = 100;

// The level for Postfix where no other source has a policy (postconf(5), smtp_tls_policy_maps); "" is none.
std::string_view postfix_level(DaneStatus status);

// What counts where the newest examination is `latest` and an earlier one had proven `before`. Whoever makes
// lookups fail must not switch DANE off: where `latest` is unknown, `before` stays, and where it is failing,
// bound hosts of `before` make it `some`. That a domain once had no TLSA records is no proof that it still
// has none: such a `before` makes an unknown `latest` failing.
DaneResult keep_proven(DaneResult latest, const DaneResult& before);

// A domain without MX is its own MX host (RFC 5321 section 5.1). At most `max_hosts` hosts are looked at;
// with more the standing is at best `some`, and not `none`, as the others may have TLSA records.
inline constexpr std::size_t max_hosts = 20;
event::Task<DaneResult> examine(dns::Resolver& resolver, NextHop next_hop, Detail detail = Detail::hosts);

// The same, for who answers questions in another way.
using Ask = std::function<event::Task<dns::Answer>(std::string name, dns::Type type)>;
event::Task<DaneResult> examine(Ask ask, NextHop next_hop, Detail detail = Detail::hosts);

}  // namespace starttls::dane
