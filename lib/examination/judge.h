// Judges what was seen of a domain (facts.h): pure, so that a test can bring any facts.
//
// What a sender demands decides what is a fault. A certificate that no authority issued stops the mail of senders that
// follow MTA-STS or a list, is no trouble for DANE-EE, and is a note where nothing demands it. What could not be found
// out is Level::cannot_tell and never a fault of the domain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.h"
#include "examination/facts.h"
#include "examination/finding.h"

namespace starttls::examination {

// All findings, sorted.
Findings judge(const DomainFacts& facts);

// A kind of sender.
enum class Sender { mta_sts, dane, list, opportunistic };
inline constexpr auto sender_words = enum_words<Sender>({{Sender::mta_sts, "mta-sts"},
                                                         {Sender::dane, "dane"},
                                                         {Sender::list, "list"},
                                                         {Sender::opportunistic, "opportunistic"}});

// What happens to its mail.
enum class Outcome {
  delivers,         // over authenticated TLS
  can_be_stripped,  // over TLS, which an attacker on the way can remove or imitate
  plaintext,        // without TLS
  defers,           // mail waits, and returns to its sender after some days
  no_mail,          // the domain takes none
  cannot_tell,
};
inline constexpr auto outcome_words = enum_words<Outcome>({{Outcome::delivers, "delivers"},
                                                           {Outcome::can_be_stripped, "can-be-stripped"},
                                                           {Outcome::plaintext, "plaintext"},
                                                           {Outcome::defers, "defers"},
                                                           {Outcome::no_mail, "no-mail"},
                                                           {Outcome::cannot_tell, "cannot-tell"}});

// "delivers in plaintext", as the end of a sentence about a sender.
std::string_view to_string(Outcome outcome);

struct Verdict {
  Sender sender = Sender::opportunistic;
  Outcome outcome = Outcome::cannot_tell;
  std::string reason;  // a phrase: "no MX host is covered by the policy"
};
// "A sender with MTA-STS delivers: 2 of 2 addresses are authenticated"
std::string to_string(const Verdict& verdict);

// One for each kind of sender; for a list only where an entry or an override applies.
std::vector<Verdict> verdicts(const DomainFacts& facts);

}  // namespace starttls::examination
