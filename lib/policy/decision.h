// Which policy applies to mail for a domain: one decision from all sources, with its reason. Pure.
//
// The first that applies (RFC 8461 section 2: MTA-STS must not override a failing DANE):
//
//   1. a local override of the operator
//   2. DANE, where DNSSEC proves usable TLSA records and the client supports DANE
//   3. a valid MTA-STS policy; `none` means that there is no policy, whatever a list has
//   4. a list entry
//   5. nothing: opportunistic
//
// For a client that supports DANE, the decision is never weaker than Postfix' level `dane`. Where it is not
// proven that DANE does not apply to the domain, it depends on 3 and 4:
//
//   DANE status                    3 and 4 enforce nothing    3 or 4 enforces
//   unusable, failing, insecure    dane: Postfix looks up     what it enforces
//   unvalidated                    dane                       what it enforces: the client cannot validate
//   unknown                        dane                       undecided: mail waits
//
// What 3 or 4 enforces must not replace a DANE that may exist (RFC 8461 section 2), and `dane` would
// drop what they enforce. So mail waits where the DANE status is unknown. See dane/dane.h.
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
  none,                // no requirement
  testing,             // no requirement yet
  enforce,             // authenticated TLS to one of the patterns, or no delivery
  mandatory_dane,      // each MX host must be authenticated by its TLSA records (Postfix: dane-only)
  opportunistic_dane,  // MX hosts with usable TLSA records must be; others need not (Postfix: dane)
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

// The inputs for a domain, each from its source; absent where the source has nothing.
struct Inputs {
  std::optional<ListEntry> override_entry;
  std::optional<dane::DaneResult> dane;            // only for clients that support DANE
  const mtasts::FetchedPolicy* mta_sts = nullptr;  // a valid one
  std::optional<ListEntry> list_entry;
  // `testing` of lists and overrides counts as `enforce`. That of MTA-STS never does (RFC 8461 section 5).
  bool early_adopter = false;
  // The client wants more than Postfix' level `dane` for domains without a policy: where the decision would
  // be that level, it is mandatory_dane (some), no policy (unusable, insecure), or undecided (unknown,
  // failing, unvalidated).
  bool wait_for_dane = false;
};

struct Decision {
  Source source = Source::none;
  std::string list;        // where the source is a list
  Mode mode = Mode::none;  // as the source has it
  // Whether authenticated TLS to one of `joined_mxs` is required: mode enforce, or testing for an early
  // adopter. Then they are not empty.
  bool enforced = false;
  std::string joined_mxs;  // as in preload::Entry: ".example.org" for "*.example.org"
  std::optional<Time> expires;
  std::string reason;  // a sentence for the user
};

// The patterns of an MTA-STS policy in the form of preload::Entry.
std::string join_mxs(const mtasts::Policy& policy);

Decision decide(const Inputs& inputs);

}  // namespace starttls::policy
