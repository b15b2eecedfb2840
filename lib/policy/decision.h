// Which policy applies to the mail for a domain: one answer out of all sources, with its reason.
//
// The first that applies (RFC 8461 section 2 forbids that MTA-STS overrides a failing DANE):
//
//   1. a local override of the operator
//   2. DANE, where DNSSEC proves usable TLSA records and the asker can do DANE
//   3. a live MTA-STS policy; `none` says that there is no policy, whatever a list says
//   4. a list entry
//   5. nothing: opportunistic
//
// For an asker who can do DANE the answer is never weaker than Postfix' own level `dane`. Where it is not
// proven that DANE does not bind the domain, it depends on what 3 and 4 say:
//
//   DANE                        3 and 4 enforce nothing         3 or 4 enforces
//   unusable, failing, insecure dane: the asker looks himself   what it enforces
//   unvalidated                 dane                            what it enforces: the asker cannot do DANE
//   unknown                     dane                            undecided: mail waits
//
// What 3 or 4 enforces must not stand in for a DANE that may be there (RFC 8461 section 2), and `dane` would
// drop what they enforce; so where nothing is known of DANE, mail waits until it is. See dane/dane.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "dane/dane.h"
#include "mtasts/policy_state.h"
#include "preload/list.h"

namespace starttls::policy {

enum class Source { none, overrides, dane, mta_sts, list };

enum class Mode {
  none,                // nothing is demanded
  testing,             // nothing is demanded yet
  enforce,             // authenticated TLS to one of the patterns, or no delivery
  mandatory_dane,      // every MX host must be authenticated by its TLSA records
  opportunistic_dane,  // those that have TLSA records must, as far as these are usable; the others need not
  undecided,           // no delivery until it is known whether DANE or another source decides
};

std::string_view to_string(Mode mode);

// A list's entry, or an override.
struct ListEntry {
  std::string list;  // the name of the list; "" for the overrides
  preload::Mode mode = preload::Mode::none;
  std::string joined_mxs;       // as in preload::Entry
  std::optional<Time> expires;  // of the list
};

// What is known about a domain, each from its source; absent where nobody said anything.
struct Inputs {
  std::optional<ListEntry> override_entry;
  std::optional<dane::DaneResult> dane;            // only for those who can do DANE
  const mtasts::FetchedPolicy* mta_sts = nullptr;  // live
  std::optional<ListEntry> list_entry;
  // The operator wants `testing` of lists and overrides to count as `enforce`. That of MTA-STS never does
  // (RFC 8461 section 5).
  bool early_adopter = false;
  // The asker demands more than level `dane` of domains without a policy: where the answer would be that
  // level, it is Mode::mandatory_dane (some), no policy (unusable, insecure), or undecided (unknown, failing,
  // unvalidated).
  bool wait_for_dane = false;
};

struct Decision {
  Source source = Source::none;
  std::string list;        // where the source is a list
  Mode mode = Mode::none;  // as the source has it
  // Whether authenticated TLS to one of `joined_mxs` is demanded: mode enforce, or testing for an early
  // adopter. Then they are not empty.
  bool enforced = false;
  std::string joined_mxs;  // as in preload::Entry: ".example.org" for "*.example.org"
  std::optional<Time> expires;
  std::string reason;  // a sentence for a person
};

// The patterns of an MTA-STS policy in the form of preload::Entry.
std::string join_mxs(const mtasts::Policy& policy);

// A pure function of what is known.
Decision decide(const Inputs& known);

}  // namespace starttls::policy
