// A domain on its way onto a preload list, and off it: how its publisher's state changes with what is observed. Pure: no
// clock, no network, no file.
//
//     an examination of the domain -> Observation -> observe()
//     the publisher's own words ------------------> add() ...    -> Entry, and a Transition for each change
//     the clock ----------------------------------> expire()
//
//     candidate -> watched -> listed <-> failing -> suspended -> watched
//         ^___________/          (any of them) -> removed -> candidate, if it is added again
//
// Only `listed` and `failing` are on the list. What an observation cannot tell changes nothing: neither a state, nor the
// count of days, nor the beginning of a failure. The state changes at most once in an observation.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "listing/deliveries.h"

namespace starttls::listing {

enum class State : std::uint8_t {
  candidate,  // without consent, or not sound
  watched,    // with consent, and sound; for Rules::watch_days it must stay so
  listed,
  failing,    // still on the list; its owner has time to mend it
  suspended,  // it failed for too long; sound again, it is watched again
  removed,    // nothing is observed any more
};
std::string_view to_string(State state);
std::optional<State> find_state(std::string_view word);

// Of an MTA-STS policy that is consent.
inline constexpr std::chrono::days min_max_age{7};

// Where a domain's consent to be listed comes from. The publisher's own word is a Manual.
enum class Consent : std::uint8_t {
  none,
  mta_sts,  // a policy in mode enforce, valid for min_max_age or longer
  dane,     // usable TLSA records for each MX host
  record,   // a TXT record at _starttls-list.DOMAIN that names the list
};
std::string_view to_string(Consent consent);
std::optional<Consent> find_consent(std::string_view word);

// An entry that the publisher has made by hand, instead of the domain's consent.
struct Manual {
  std::string reason;
  Time ends;  // from then on the entry needs the domain's own consent
};

struct Rules {
  unsigned watch_days = 28;       // days with a sound observation before a domain is listed
  unsigned grace_days = 3;        // how long a domain fails before it is suspended, at least
  unsigned grace_failures = 3;    // and in how many observations
  unsigned candidate_days = 90;   // after so many days a candidate is removed
  unsigned suspended_days = 180;  // and so is a suspended domain
  // If so many reporters doubt (DeliverySums), a watched domain waits for twice the watch_days at most; 0: none count.
  unsigned doubting_reporters = 2;
};

enum class Soundness : std::uint8_t { sound, unsound, unknown };

// What an examination says about the consent.
enum class ConsentState : std::uint8_t {
  given,
  absent,  // it is not there, but nothing proves that the owner has taken it back: unsigned DNS, no policy host
  withdrawn,  // the owner has taken it back: a policy in another mode, or signed DNS without the record
  unknown,
};

struct Observation {
  Time time;
  Soundness soundness = Soundness::unknown;
  std::vector<std::string> faults;  // codes of findings, for people
  ConsentState consent = ConsentState::unknown;
  Consent source = Consent::none;  // of a consent that is given
  // The MX patterns that the domain has now, as preload::MxPattern has them, sorted, each once. Empty: unknown.
  std::vector<std::string> mxs;
  // Whether the owner vouches for them: they are in an MTA-STS policy, or in signed DNS.
  bool is_authenticated = false;
  DeliverySums deliveries;  // of the last delivery_days
};

struct Entry {
  DomainName domain;
  State state = State::candidate;
  Time since;  // of the state
  Consent consent = Consent::none;
  std::vector<std::string> mxs;  // as in Observation
  std::optional<Manual> manual;
  bool is_held = false;          // frozen by the publisher: only removal changes its state
  unsigned sound_days = 0;       // while it is watched
  std::optional<Day> sound_day;  // the last one that was counted
  unsigned failures = 0;         // while it is failing
  std::optional<Time> observed;  // last time, whatever was found
};

enum class Reason : std::uint8_t {
  added,              // by the publisher
  consent_given,      // and sound
  consent_absent,     // while it was watched
  consent_withdrawn,  // by the owner
  manual_ended,       // the publisher's own entry has ended, and there is no other consent
  unsound,
  sound_again,
  watched_long_enough,
  failed_too_long,
  candidate_too_long,
  suspended_too_long,
  mxs_changed,  // the state stays
  removed,      // by the publisher
  held,         // the state stays
  released,     // the state stays
};
std::string_view to_string(Reason reason);
std::optional<Reason> find_reason(std::string_view word);

// A change, as it is kept in the history. `from` and `to` are the same where the state stays.
struct Transition {
  DomainName domain;
  Time time;
  State from = State::candidate;
  State to = State::candidate;
  Reason reason = Reason::added;
  std::string evidence;  // what was seen, for people: codes, patterns, the publisher's words

  bool operator==(const Transition&) const = default;
};
using Transitions = std::vector<Transition>;

// Whether the entry is on the list.
bool is_on_list(const Entry& entry);

// Whether the owner is to be informed of a transition: of a failure, once, when it begins.
bool concerns_owner(const Transition& transition);

// What observe() does:
//
//   - consent withdrawn: the entry is removed; a manual entry stays.
//   - a manual entry whose time is over ends as in expire(), if there is no consent.
//   - new MX patterns count at once if the owner vouches for them. Otherwise they are a fault of an entry on the list,
//     and the watch of a watched one begins again.
//   - sound, with consent: a candidate or suspended one is watched, a watched one is listed after watch_days, a failing one
//     is listed again. Reported deliveries that failed make a watched one wait, for as long again at most.
//   - unsound, or consent absent: a watched one is a candidate again, a listed one fails, a failing one is suspended when
//     both its time and its observations are over.
//
// Times that go back count as the last one.
Transitions observe(Entry& entry, const Observation& observation, const Rules& rules);

// What changes with time alone, before each edition.
Transitions expire(Entry& entry, Time now, const Rules& rules);

// What the publisher does. `words`: why, for the history.
//
// A new entry, or one that was removed and comes back as a candidate. With `manual`, `mxs` must not be empty.
struct Added {
  Entry entry;
  Transition transition;
};
Added add(DomainName domain, Time now, std::string words, std::optional<Manual> manual = std::nullopt,
          std::vector<std::string> mxs = {});
// Makes an entry that is not removed one by hand; its state stays. `mxs` must not be empty.
Transition enter_by_hand(Entry& entry, Time now, Manual manual, std::vector<std::string> mxs);
Transition remove(Entry& entry, Time now, std::string words);
Transition hold(Entry& entry, Time now, std::string words);
Transition release(Entry& entry, Time now, std::string words);

}  // namespace starttls::listing
