// Whether DANE applies to the mail servers of a domain, for a sending server (RFC 7672):
//
//   MX -> each host's addresses (must be secure) -> TLSA at _25._tcp.HOST (must be secure)
//
// For a next-hop with a port, the TLSA records are those at this port. A next-hop in brackets is the only host,
// and its status is all, unusable, none or unknown.
//
// Postfix makes the same lookups again when it delivers; the status decides which level it gets:
//
//   status       meaning                                                             Postfix gets
//   all          every MX host has usable TLSA records                               dane-only
//   some         one has; others have none, or their lookups fail                    dane
//   failing      the MX set is signed; the lookups of some hosts fail, and the       dane
//                others have no usable records
//   unusable     there are TLSA records, but none is usable                          dane
//   insecure     the MX set is not signed, but a host has TLSA records, or its       dane
//                lookups fail
//   none         there are provably no TLSA records, no host is signed, or the       nothing
//                domain accepts no mail
//   unknown      the MX lookup failed or is bogus, or the lookups of all hosts do    dane
//   unvalidated  the resolver omits what validation needs                            dane
//
// With `dane`, Postfix follows RFC 7672 section 2.2 for each host: it authenticates where there are usable
// records, encrypts without authentication where all are unusable, avoids a host whose TLSA lookup fails, and is
// opportunistic where there are none. So an attacker who drops the answers to our questions, but not those to
// Postfix, gains nothing. `dane-only` is used only where nothing but DANE can be right, as it defers mail for
// hosts without usable records. Behind an unsigned MX set, DANE protects only against attackers who cannot forge
// that (RFC 7672 section 2.2.1); Postfix decides by smtp_tls_dane_insecure_mx_policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"

namespace starttls::dane {

// The TLSA records of one MX host (RFC 7672 sections 2.2 and 3.1, RFC 7671 section 5).
enum class TlsaStatus {
  // At least one usable record: DANE-TA(2) or DANE-EE(3), selector 0 or 1, matching type 0 to 2, with a digest of
  // the right length, or a certificate or key.
  usable,
  // There are records, none of them usable: encryption without authentication is required.
  unusable,
  // There are provably none, or the addresses of the host are not signed.
  absent,
  // The host provably has no address, or its name is no host name: no mail is delivered there.
  unreachable,
  // The lookup of its addresses or TLSA records failed, or is bogus.
  unknown,
};

// Of one record or more.
TlsaStatus tlsa_status(std::span<const dns::Tlsa> records);

struct Host {
  std::string name;  // lower case, without trailing dot
  TlsaStatus tlsa = TlsaStatus::unknown;
  std::string reason;              // a sentence, where it is not usable
  std::vector<dns::Tlsa> records;  // where it is usable, with Detail::records; at most max_kept_records
};

// The status of the domain as a whole; see the table above.
enum class DaneStatus { all, some, failing, unusable, insecure, none, unknown, unvalidated };

// Whether DNSSEC has proven usable TLSA records of at least one MX host.
constexpr bool has_usable_tlsa(DaneStatus status) {
  return status == DaneStatus::all || status == DaneStatus::some;
}

std::string_view to_string(TlsaStatus tlsa);
std::string_view to_string(DaneStatus status);
std::optional<DaneStatus> find_dane_status(std::string_view word);

struct DaneResult {
  DaneStatus status = DaneStatus::unknown;
  std::vector<Host> hosts;      // by MX preference; empty where the MX set is not signed or unknown
  std::chrono::seconds ttl{0};  // the least TTL of all answers; 0 where one failed
  std::string reason;           // a sentence for the user: "all 2 MX hosts have usable TLSA records"
};

// Bytes on the heap.
std::size_t heap_size(const Host& host);
std::size_t heap_size(const DaneResult& result);

// The details in a result. A domain may have many hosts with 64 KiB of TLSA records each: programs that keep
// results ask for no more details than they show. The status does not depend on this: it rests on all records.
enum class Detail {
  none,     // no hosts
  hosts,    // without their records
  records,  // hosts with their records
};

// Of one host. Postfix from 3.7.12 and 3.9.1 on ignores all records of an answer after the first 100.
inline constexpr std::size_t max_kept_records = 100;

// The result that applies where the newest one is `latest` and an earlier one had proven `before`. An attacker who
// makes lookups fail must not switch DANE off: where `latest` is unknown, the status of `before` stays, and where it
// is failing, usable TLSA records in `before` make it `some`. That a domain once had no TLSA records does not prove
// that it still has none: such a `before` makes an unknown `latest` failing.
DaneResult keep_proven(DaneResult latest, const DaneResult& before);

}  // namespace starttls::dane
