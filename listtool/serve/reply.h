// Replies of a socketmap (socketmap_table(5)) with a policy in the syntax of a mail server.
//
//   OK policy      NOTFOUND (and a blank): no policy      TEMP reason: ask again later
//
// PERM is never used: Sendmail reads it as "no policy", and Postfix defers the mail as with TEMP.
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
// Finds the dialect by the name of the map in the request.
Dialect parse_dialect(std::string_view map);

enum class Outcome : std::uint8_t { policy, no_policy, temporary_error };
inline constexpr std::size_t outcomes = 3;
std::string_view to_string(Outcome outcome);

// One reply as it is sent; "" if it is not known yet.
struct Reply {
  std::string bytes;
  Outcome outcome = Outcome::no_policy;
};

// "17:TEMP backend down,"
std::string netstring(std::string_view text);

struct Rules {
  // For a Postfix before 3.10, with any map name: adds what this version understands.
  std::optional<postfix::Version> postfix_version;
  // As in policy::Inputs.
  bool early_adopter = false;
  // Defers mail to a domain that announces MTA-STS while its policy cannot be fetched and no other source has
  // a policy. RFC 8461 does not demand this (with section 5, mail is delivered). It prevents that the first
  // message is sent in plaintext because an attacker on the path blocked the policy host.
  bool hold_without_policy = false;
  // Defers mail if it is not known whether DANE applies to the domain, instead of using Postfix' own level
  // "dane". For a Postfix whose default level is stricter than "dane".
  bool wait_for_dane = false;
};

// The decision for one dialect. `mta_sts` is the policy if that is the source, for Postfix' TLS reports.
// Replies from other sources have no report attributes, since Postfix treats the attributes as an error with
// other policies.
//
// Mode testing is "no policy" in every dialect, and so is a policy that cannot be fetched. With "may" and
// these attributes, Postfix 3.10 would report a success, whatever the certificate, the MX host's name or
// policy_failure= are. With "secure" and policy_failure=, it would defer the mail, which RFC 8461 section 5
// does not demand.
Reply reply_for(Dialect dialect, const NextHop& next_hop, const policy::Decision& answer,
                const mtasts::FetchedPolicy* mta_sts, const Rules& rules);

// The reply with Rules::hold_without_policy for a policy that cannot be fetched. Postfix 3.10 reports the
// reason (policy_failure=), and defers the mail whatever certificate the server has.
Reply held_reply(Dialect dialect, const DomainName& domain, mtasts::FailureType failure);

Reply no_policy();
// Postfix looks for DANE itself. Without DANE it delivers as with "may".
Reply opportunistic_dane();
// `reason` is one line of visible ASCII.
Reply temporary_error(std::string_view reason);

// The replies for one domain, ready to be sent. They do not change after they are shared.
struct Replies {
  std::array<Reply, dialects> of;
  std::array<policy::Source, dialects> source{};
  // After this time a request for the domain also starts a look-up in the background.
  Time fresh_until;
  // After this time they must not be used: a policy or a list has expired.
  Time usable_until;
  std::uint64_t generation = 0;  // of the lists and of the other inputs
  // The facts that they depend on; nullptr if they do not depend on any.
  std::shared_ptr<const discovery::DomainFacts> facts;

  const Reply& for_dialect(Dialect dialect) const { return of[static_cast<std::size_t>(dialect)]; }
  policy::Source source_for(Dialect dialect) const { return source[static_cast<std::size_t>(dialect)]; }
  // Their size in memory, in bytes, including the facts.
  std::size_t size() const;
};

}  // namespace starttls::listtool::serve
