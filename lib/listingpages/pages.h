// What the publisher of a list shows beside it, in the same directory: a page for people, a JSON document for each
// domain and one for all of them, and a feed of changes. Pure: values in, text out; nothing can fail.
//
//     sector.json            the list itself, and sector.json.minisig
//     index.html             index_html()
//     domains.json           entries_json()
//     domains/DOMAIN.json    domain_json()
//     changes.atom           atom_feed()
//
// They link to each other by these names. Times are UTC. Texts of the publisher and evidence from outside are escaped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "listing/deliveries.h"
#include "listing/entry.h"

namespace starttls::listingpages {

inline constexpr std::string_view index_file = "index.html";
inline constexpr std::string_view entries_file = "domains.json";
inline constexpr std::string_view feed_file = "changes.atom";
// "domains/example.org.json"
std::string domain_file(const DomainName& domain);

// Domains that are not removed: beyond these numbers, index_html() has only their number, and there is no
// entries_json().
inline constexpr std::size_t max_shown_entries = 5'000;
inline constexpr std::size_t max_json_entries = 50'000;
inline constexpr std::size_t max_shown_changes = 100;   // of index_html() and atom_feed(): the last ones
inline constexpr std::size_t max_shown_evidence = 500;  // bytes there; JSON has all of it

struct ListAbout {
  std::string name;  // as in listtool.toml: letters, digits, '-', '_', '.'
  std::string author;
  std::string url;   // of the directory: "https://lists.example.org/", with the slash
  std::string file;  // the list in it: "sector.json"; no name that is in use above
  std::uint64_t edition = 0;
  Time published;
  Time expires;
  // minisign public keys, in base64. Offline root keys, of which `threshold` must have signed keys.json; without them,
  // the keys that sign the list.
  std::vector<std::string> root_keys;
  std::size_t threshold = 1;
  std::vector<std::string> keys;
  listing::Rules rules;                // by which domains come and go
  std::vector<std::string> report_to;  // "mailto:..." or "https://...", where users of the list send reports
};

// The number of domains in each state.
using StateCounts = std::map<listing::State, std::size_t>;
// Of those that are not removed.
std::size_t count_present(const StateCounts& counts);

// The table for listtool.toml(5) that follows the list, lines of TOML.
std::string list_table(const ListAbout& about);

// The page for people: state and expiry of the list, how to use it, how a domain gets onto it and off it, its last
// changes, its domains. It needs no script and loads nothing. Entries in any order, without those that are removed; none
// where there are more than max_shown_entries. Transitions oldest first, as the history has them.
std::string index_html(const ListAbout& about, const StateCounts& counts,
                       std::span<const listing::Entry> entries,
                       std::span<const listing::Transition> transitions);

// A domain and its history, oldest first:
//
//     { "domain": "example.org", "state": "listed", "since": "2026-11-29T03:00:00Z", "consent": "mta-sts",
//       "mxs": ["mx.example.org"], "manual": { "reason": "...", "ends": "..." }, "held": false, "sound_days": 0,
//       "observed": "...", "faults": ["certificate-name"],
//       "history": [{ "time": "...", "from": "watched", "to": "listed", "reason": "...", "evidence": "..." }],
//       "reports": [{ "day": "2026-11-28", "reporter": "...", "successful": 12, "failed": 1,
//                     "failures": { "certificate-expired": 1 } }] }
//
// There is "manual" only in an entry that has it, "observed" only after the first observation, and "reports" only where
// there are some: they are for the publisher, and not shown to others. "sound_days" are those of the watch. `faults`:
// codes, of the last observation.
std::string domain_json(const listing::Entry& entry, std::span<const std::string> faults,
                        std::span<const listing::Transition> transitions,
                        std::span<const listing::DeliveryReport> reports = {});

// All domains, at most max_json_entries, and removed ones, in the order given: { "list", "author", "url", "edition", "published", "expires",
// "domains": [{ "domain", "state", "since", "consent", "mxs" }] }
std::string entries_json(const ListAbout& about, std::span<const listing::Entry> entries);

// The last transitions, newest first, as an Atom feed (RFC 4287). `transitions` oldest first. The identifier of an
// entry has the URL, the domain, the time and the reason, so it stays the same from feed to feed (section 4.2.6).
std::string atom_feed(const ListAbout& about, std::span<const listing::Transition> transitions);

}  // namespace starttls::listingpages
