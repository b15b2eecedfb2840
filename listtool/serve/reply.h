// Replies of a socketmap (socketmap_table(5)) that have a policy in the words of a mail server.
//
//   OK policy      NOTFOUND (and a blank): no policy      TEMP reason: ask again later
//
// Never PERM: Sendmail takes it for "no policy", and Postfix defers the mail all the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/next_hop.h"
#include "discovery/policy_resolver.h"
#include "listtool/mail_server.h"
#include "policy/decision.h"

namespace starttls::listtool::serve {

using listtool::Dialect;
using listtool::dialects;
using listtool::max_reply_size;

std::string_view to_string(Dialect dialect);
// By the name of the map that is asked for.
Dialect parse_dialect(std::string_view map);

enum class Outcome : std::uint8_t { policy, no_policy, temporary_error };
inline constexpr std::size_t outcomes = 3;
std::string_view to_string(Outcome outcome);

// One reply as it goes over the wire; "" where it is not known yet.
struct Reply {
  std::string bytes;
  Outcome outcome = Outcome::no_policy;
};

// "17:TEMP backend down,"
std::string netstring(std::string_view text);

struct Rules {
  // Of a Postfix before 3.10 that asks with any map; adds what it understands.
  std::optional<postfix::Version> postfix_version;
  // As in policy::Inputs.
  bool early_adopter = false;
  // Mail to a domain that announces MTA-STS waits while its policy cannot be fetched and no other source has
  // one. More than RFC 8461 asks for (section 5 delivers then), for those who do not want the first message
  // to go out in the clear because somebody on the path cut off the policy host.
  bool hold_without_policy = false;
  // Mail waits where it is not known whether DANE binds the domain, in place of Postfix' own level "dane":
  // for a Postfix whose level for all others is stricter than that.
  bool wait_for_dane = false;
};

// What is decided for one dialect. `mta_sts` is the policy where that is the source, for Postfix' TLS
// reports; those are said nothing else, since Postfix takes the attributes for an error with other policies.
//
// Mode testing is "no policy" in every dialect, and so is a policy that cannot be fetched: to Postfix 3.10,
// "may" with these attributes is a success to be reported, whatever the certificate, the MX host's name or
// policy_failure= say; and "secure" with policy_failure= would hold up the mail, which RFC 8461 section 5
// does not ask for.
Reply reply_for(Dialect dialect, const NextHop& next_hop, const policy::Decision& answer,
                const mtasts::FetchedPolicy* mta_sts, const Rules& rules);

// What Rules::hold_without_policy makes of a policy that cannot be fetched. Postfix 3.10 reports why
// (policy_failure=), and holds up the mail whatever the server's certificate.
Reply held_reply(Dialect dialect, const DomainName& domain, mtasts::FailureType failure);

Reply no_policy();
// Postfix looks for DANE itself, and delivers as with "may" where there is none.
Reply opportunistic_dane();
// `reason` is one line of visible ASCII.
Reply temporary_error(std::string_view reason);

// The replies for one domain, ready to be sent. Immutable once they are shared.
struct Replies {
  std::array<Reply, dialects> of;
  std::array<policy::Source, dialects> source{};
  // From then on the domain is looked up again in the background when it is asked for.
  Time fresh_until;
  // From then on they must not be used: a policy, or a list, has expired.
  Time usable_until;
  std::uint64_t generation = 0;  // of the lists and of what else they were made of
  // What they were made of; nullptr where that did not matter.
  std::shared_ptr<const discovery::DomainFacts> facts;

  const Reply& for_dialect(Dialect dialect) const { return of[static_cast<std::size_t>(dialect)]; }
  policy::Source source_for(Dialect dialect) const { return source[static_cast<std::size_t>(dialect)]; }
  // The memory that they take, in bytes, with the facts.
  std::size_t size() const;
};

}  // namespace starttls::listtool::serve
