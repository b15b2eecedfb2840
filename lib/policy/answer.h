// Which policy applies to the mail for a domain: one answer out of all sources, with its reason.
//
// The first that applies (RFC 8461 section 2 forbids that MTA-STS overrides a failing DANE):
//
//   1. a local override of the operator
//   2. DANE, where DNSSEC proves usable TLSA records and the asker can do DANE
//   3. a live MTA-STS policy; `none` says that there is no policy, whatever a list says
//   4. a list entry
//   5. TLSA records that are there but not usable: encryption, where the asker can do DANE
//   6. nothing: opportunistic
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "dane/dane.h"
#include "mtasts/discovery.h"
#include "mtasts/knowledge.h"
#include "preload/list.h"

namespace starttls::policy {

enum class Source { none, override_file, dane, mta_sts, list };

enum class Mode {
  none,     // the source says so: nothing is demanded
  testing,  // nothing is demanded yet
  enforce,  // authenticated TLS to one of the patterns, or no delivery
  dane,     // every MX host must be authenticated by its TLSA records
  dane_where_bound,  // those that have usable TLSA records must; the others are opportunistic
  encrypt,  // encryption that nobody authenticates
};

// A list's entry, or an override.
struct ListEntry {
  std::string list;         // the name of the list; "" for the overrides
  preload::Mode mode = preload::Mode::none;
  std::string joined_mxs;   // as in preload::Entry
  std::optional<Time> expires;  // of the list
};

// What is known about a domain, each from its source; absent where nobody said anything.
struct Known {
  std::optional<ListEntry> override_entry;
  std::optional<dane::Verdict> dane;            // only for those who can do DANE
  const mtasts::FetchedPolicy* mta_sts = nullptr;  // live
  std::optional<ListEntry> list_entry;
};

struct Answer {
  Source source = Source::none;
  std::string list;         // where the source is a list
  Mode mode = Mode::none;
  std::string joined_mxs;   // as in preload::Entry: ".example.org" for "*.example.org"
  std::optional<Time> expires;
  std::string reason;       // a sentence for a person
};

// A pure function of what is known.
Answer decide(const Known& known);

}  // namespace starttls::policy
