// Whether DANE binds the mail servers of a domain, as RFC 7672 has a sending server find out:
//
//   MX (must be secure) -> each host's addresses (must be secure) -> TLSA at _25._tcp.HOST (must be secure)
//
// Postfix asks the same questions again when it delivers; here is only decided which level it is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "dns/resolver.h"
#include "event/task.h"

namespace starttls::dane {

// What the TLSA records of one MX host come to (RFC 7672 sections 2.2 and 3.1, RFC 7671 section 5).
enum class Binding {
  bound,     // at least one usable record: DANE-TA(2) or DANE-EE(3), selector 0 or 1, matching type 0 to 2,
             // with data of the right length
  unusable,  // there are records, none of them usable: encryption without authentication is due
  absent,    // there are provably none, or the addresses of the host are not signed
  unknown,   // cannot tell now: the lookup failed, or is bogus
};

Binding binding_of(std::span<const dns::Tlsa> records);

struct Host {
  std::string name;
  Binding binding = Binding::unknown;
  std::string reason;  // where it is unknown or unusable, a sentence
};

// What is true of the domain as a whole.
enum class Standing {
  all,       // every MX host is bound
  some,      // at least one is; the others are not, or that cannot be told
  unusable,  // none is bound, at least one has records
  none,      // the MX set is not signed, no host has records, or the domain takes no mail
  unknown,   // cannot tell now
};

struct Verdict {
  Standing standing = Standing::unknown;
  std::vector<Host> hosts;       // by MX preference; empty where the MX set is not signed or cannot be told
  std::chrono::seconds ttl{0};   // how long this may be believed: the least TTL of all answers
  std::string reason;            // a sentence for a person: "all 2 MX hosts have usable TLSA records"
};

// What Postfix is to be told (postconf(5), smtp_tls_policy_maps); "" is nothing. See starttls-listtool(1) for
// the table.
std::string_view postfix_level(Standing standing);

// A domain without MX is its own MX host (RFC 5321 section 5.1). At most `most_hosts` hosts are looked at;
// with more the standing is at best `some`.
inline constexpr std::size_t most_hosts = 20;
event::Task<Verdict> examine(dns::Resolver& resolver, DomainName domain);

}  // namespace starttls::dane
