// Policies for Postfix: entries of smtp_tls_policy_maps (TLS_README, "Client TLS security levels";
// postconf(5), smtp_tls_policy_maps). One unknown or empty attribute defers all mail to the domain, so
// nothing appears here that the Postfix in use may not know.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/next_hop.h"
#include "listtool/postfix/version.h"
#include "mtasts/policy.h"
#include "policy/decision.h"
#include "preload/list.h"

namespace starttls::listtool {
struct Source;
}

namespace starttls::listtool::postfix {

struct Rules {
  // Unknown: what 3.4 and every later one understands.
  std::optional<Version> version;
  // Treat testing as enforce.
  bool early_adopter = false;
  // The operator's smart hosts, which get entries of their own: Postfix looks up a next-hop with a port or in
  // brackets only as it is written (postconf(5), smtp_tls_policy_maps).
  std::vector<NextHop> next_hops;
};

// "secure match=mx.example.org:.example.net servername=hostname", or nothing if the entry's mode
// demands nothing, or is only testing.
std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules);

// What is decided for a next-hop out of all sources, DANE included: "dane-only", "dane", or as above. The
// only host of a next-hop in brackets is known, so that the certificate must have this name where a pattern
// allows it (RFC 8461 section 4.1); where none does, it must have one that the patterns allow.
//
// `mta_sts` is the domain's MTA-STS policy, if it has one in force. Where that is the source, Postfix 3.10
// and later gets what its TLS reports say about it (policy_type=sts). Of no other source it gets that: RFC
// 8460 section 4.4 has no type for a list, and the owner of a domain would read of an MTA-STS policy that was
// never published. Such reports say "no-policy-found", and their failures are those of the list's policy.
std::optional<std::string> policy_for(const NextHop& next_hop, const policy::Decision& answer,
                                      const mtasts::Policy* mta_sts, std::optional<Version> version);

// A line of a map: for each domain with a policy, and for each of rules.next_hops that
// is such a domain's; in the order of the keys. `rest` gets the other domains.
using Line = std::function<void(std::string_view key, std::string_view policy)>;
void for_each_line(
    std::span<const Source> sources, const Rules& rules, const Line& line,
    const std::function<void(const preload::Entry&)>& rest = [](const preload::Entry&) {});

// Writes a whole map in text form, for texthash or postmap(1): head comments, one line a domain in the order
// of the names; later lists overlay earlier ones. An expired list is named in a comment and left out.
// Depends on nothing but the lists, which of them have expired, and the rules.
void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out);

}  // namespace starttls::listtool::postfix
