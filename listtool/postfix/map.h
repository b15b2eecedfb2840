// Policies for Postfix: entries of smtp_tls_policy_maps (TLS_README, "Client TLS security levels";
// postconf(5), smtp_tls_policy_maps). One unknown or empty attribute defers all mail to the domain. So only
// attributes that the version of Postfix in use understands are written.
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
  // If not set: only what 3.4 and every later version understands.
  std::optional<Version> version;
  // Treat testing as enforce.
  bool early_adopter = false;
  // The operator's smart hosts, which have their own entries: Postfix looks up a next-hop with a port or in
  // brackets only as it is written (postconf(5), smtp_tls_policy_maps).
  std::vector<NextHop> next_hops;
};

// "secure match=mx.example.org:.example.net servername=hostname"; nothing if the entry's mode demands nothing
// or is only testing.
std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules);

// The decision for a next-hop from all sources, including DANE: "dane-only", "dane", or as above. A next-hop
// in brackets has only one host. If a pattern allows this host, the certificate must have its name (RFC 8461
// section 4.1); otherwise the certificate must have a name that the patterns allow.
//
// `mta_sts` is the domain's MTA-STS policy, if it has one in force. If this policy is the source, Postfix
// 3.10 and later gets the attributes for its TLS reports (policy_type=sts). It gets them for no other source:
// RFC 8460 section 4.4 has no type for a list, and the report would show the owner of a domain an MTA-STS
// policy that was never published. Reports without the attributes say "no-policy-found", and their failures
// are those of the list's policy.
std::optional<std::string> policy_for(const NextHop& next_hop, const policy::Decision& answer,
                                      const mtasts::Policy* mta_sts, std::optional<Version> version);

// Calls back with a line of a map for each domain with a policy, and for each of rules.next_hops of such a
// domain, in the order of the keys. `rest` gets the other domains.
using Line = std::function<void(std::string_view key, std::string_view policy)>;
void for_each_line(
    std::span<const Source> sources, const Rules& rules, const Line& line,
    const std::function<void(const preload::Entry&)>& rest = [](const preload::Entry&) {});

// Writes a whole map in text form, for texthash or postmap(1): head comments, then one line for each domain
// in the order of the names. Later lists take precedence over earlier ones. An expired list has a comment and
// is left out. The output depends only on the lists, on which of them have expired, and on the rules.
void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out);

}  // namespace starttls::listtool::postfix
