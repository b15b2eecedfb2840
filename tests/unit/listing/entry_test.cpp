// What moves a domain onto the list, and off it.

#include "listing/entry.h"

#include <functional>
#include <string>
#include <utility>

#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::test;

namespace {

using std::chrono::days;
using std::chrono::hours;

const Time start = at("2026-11-01T03:00:00Z");

// A domain that is observed once a day.
class Course {
 public:
  explicit Course(std::optional<Manual> manual = std::nullopt)
      : entry(add(good(DomainName::parse("example.org")), start, "test", std::move(manual)).entry) {
    if (entry.manual) entry.mxs = {"mx.example.org"};
  }

  Transitions day(Observation observation) {
    now += days(1);
    observation.time = now;
    Transitions all = expire(entry, now, rules);
    for (Transition& each : observe(entry, observation, rules)) all.push_back(std::move(each));
    return all;
  }
  Course& repeat(unsigned number, const Observation& observation) {
    for (unsigned i = 0; i < number; ++i) day(observation);
    return *this;
  }

  Rules rules;
  Entry entry;
  Time now = start;
};

Observation sound() {
  return {.soundness = Soundness::sound,
          .consent = ConsentState::given,
          .source = Consent::mta_sts,
          .mxs = {"mx.example.org"},
          .is_authenticated = true};
}

Observation unsound() {
  Observation observation = sound();
  observation.soundness = Soundness::unsound;
  observation.faults = {"starttls", "certificate-name"};
  return observation;
}

Observation with(ConsentState state, Observation observation = sound()) {
  observation.consent = state;
  observation.source = Consent::none;
  observation.mxs.clear();
  return observation;
}

Observation other_mxs(bool is_authenticated, Observation observation = sound()) {
  observation.mxs = {"mx.elsewhere.test"};
  observation.is_authenticated = is_authenticated;
  return observation;
}

Course listed() {
  Course course;
  course.repeat(29, sound());
  REQUIRE(course.entry.state == State::listed);
  return course;
}

// "listed > failing unsound"
std::string shown(const Transitions& transitions) {
  std::string text;
  for (const Transition& each : transitions) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} > {} {}", to_string(each.from), to_string(each.to), to_string(each.reason));
  }
  return text;
}

}  // namespace

TEST_CASE("a sound domain with consent is watched, and listed after 28 sound days") {
  Course course;
  CHECK(shown(course.day(sound())) == "candidate > watched consent-given");
  for (int day = 2; day <= 28; ++day) CHECK(course.day(sound()).empty());
  CHECK_FALSE(is_on_list(course.entry));
  const Transitions transitions = course.day(sound());
  CHECK(shown(transitions) == "watched > listed watched-long-enough");
  CHECK(transitions[0].evidence == "29 sound days");
  CHECK(transitions[0].domain.str() == "example.org");
  CHECK(transitions[0].time == course.now);
  CHECK(is_on_list(course.entry));
  CHECK(course.entry.consent == Consent::mta_sts);
  CHECK(course.day(sound()).empty());
}

namespace {

Observation doubted_by(std::size_t reporters) {
  Observation observation = sound();
  observation.deliveries = {.reporters = 3, .doubting = reporters, .sessions = 300, .failed = 30};
  return observation;
}

}  // namespace

TEST_CASE("reported failures make a watched domain wait, for as long again at most") {
  Course course;
  course.repeat(28, sound());
  for (int day = 29; day <= 56; ++day) CHECK(course.day(doubted_by(2)).empty());
  const Transitions transitions = course.day(doubted_by(2));
  CHECK(shown(transitions) == "watched > listed watched-long-enough");
  CHECK(transitions[0].evidence == "57 sound days; 3 reporters: 300 sessions, 30 failed");
}

TEST_CASE("a watched domain waits no longer than its reporters doubt") {
  Course course;
  course.repeat(28, sound());
  CHECK(course.day(doubted_by(2)).empty());
  CHECK(shown(course.day(doubted_by(1))) == "watched > listed watched-long-enough");
}

TEST_CASE("reports neither list a domain earlier nor take it off") {
  Course course;
  Observation praised = sound();
  praised.deliveries = {.reporters = 500, .sessions = 1'000'000};
  course.repeat(28, praised);
  CHECK(course.entry.state == State::watched);
  CHECK(course.day(praised)[0].evidence == "29 sound days; 500 reporters: 1000000 sessions, 0 failed");
  course.repeat(10, doubted_by(500));
  CHECK(course.entry.state == State::listed);
}

TEST_CASE("without doubting reporters in the rules, reports are only shown") {
  Course course;
  course.rules.doubting_reporters = 0;
  course.repeat(28, sound());
  CHECK(shown(course.day(doubted_by(9))) == "watched > listed watched-long-enough");
}

TEST_CASE("several observations of a day count once") {
  Course course;
  for (int i = 0; i < 100; ++i) {
    Observation observation = sound();
    observation.time = start + std::chrono::minutes(10 * i);
    observe(course.entry, observation, course.rules);
  }
  CHECK(course.entry.state == State::watched);
  CHECK(course.entry.sound_days == 1);
}

TEST_CASE("a watched domain that fails begins anew") {
  Course course;
  course.repeat(28, sound());
  const Transitions transitions = course.day(unsound());
  CHECK(shown(transitions) == "watched > candidate unsound");
  CHECK(transitions[0].evidence == "starttls certificate-name");
  CHECK_FALSE(concerns_owner(transitions[0]));
  course.repeat(28, sound());
  CHECK(course.entry.state == State::watched);
  CHECK(shown(course.day(sound())) == "watched > listed watched-long-enough");
}

TEST_CASE("a listed domain that fails stays on the list for three days and three observations") {
  Course course = listed();
  const Transitions first = course.day(unsound());
  CHECK(shown(first) == "listed > failing unsound");
  CHECK(concerns_owner(first[0]));
  CHECK(is_on_list(course.entry));
  CHECK(course.day(unsound()).empty());
  CHECK(course.day(unsound()).empty());
  CHECK(is_on_list(course.entry));
  CHECK(shown(course.day(unsound())) == "failing > suspended failed-too-long");
  CHECK_FALSE(is_on_list(course.entry));

  CHECK(course.day(unsound()).empty());
  CHECK(shown(course.day(sound())) == "suspended > watched sound-again");
  course.repeat(28, sound());
  CHECK(course.entry.state == State::listed);
}

TEST_CASE("many observations within the grace do not suspend, and neither do few after it") {
  Course course = listed();
  course.day(unsound());
  for (int i = 0; i < 20; ++i) {
    Observation observation = unsound();
    observation.time = course.now + std::chrono::minutes(i);
    observe(course.entry, observation, course.rules);
  }
  CHECK(course.entry.state == State::failing);

  Course rare = listed();
  rare.day(unsound());
  rare.now += days(10);
  rare.day(unsound());
  CHECK(rare.entry.state == State::failing);
  CHECK(shown(rare.day(unsound())) == "failing > suspended failed-too-long");
}

TEST_CASE("one sound observation ends a failure, and a later failure is a new one") {
  Course course = listed();
  course.repeat(3, unsound());
  CHECK(shown(course.day(sound())) == "failing > listed sound-again");
  const Transitions again = course.day(unsound());
  CHECK(concerns_owner(again[0]));
  course.repeat(2, unsound());
  CHECK(course.entry.state == State::failing);
}

TEST_CASE("what is not known changes nothing, in any state") {
  const Observation blind;  // nothing is known
  Observation silent = sound();
  silent.soundness = Soundness::unknown;
  for (const State state :
       {State::candidate, State::watched, State::listed, State::failing, State::suspended, State::removed}) {
    for (const Observation& observation : {blind, silent, with(ConsentState::unknown)}) {
      Course course;
      course.repeat(5, sound());
      course.entry.state = state;
      const Entry before = course.entry;
      CHECK(course.day(observation).empty());
      CHECK(course.entry.state == state);
      CHECK(course.entry.since == before.since);
      CHECK(course.entry.sound_days == before.sound_days);
      CHECK(course.entry.failures == before.failures);
      CHECK(course.entry.mxs == before.mxs);
    }
  }
}

TEST_CASE("days that tell nothing do not count as sound ones") {
  Course course;
  course.repeat(20, sound()).repeat(10, Observation()).repeat(8, sound());
  CHECK(course.entry.state == State::watched);
  CHECK(shown(course.day(sound())) == "watched > listed watched-long-enough");
}

TEST_CASE("an entry leaves at once when its owner takes the consent back") {
  for (const Soundness soundness : {Soundness::sound, Soundness::unsound, Soundness::unknown}) {
    Course course = listed();
    Observation withdrawn = with(ConsentState::withdrawn);
    withdrawn.soundness = soundness;
    CHECK(shown(course.day(withdrawn)) == "listed > removed consent-withdrawn");
    CHECK(course.day(sound()).empty());
    CHECK(course.entry.state == State::removed);
  }
}

TEST_CASE("a candidate that never consented stays one for 90 days") {
  Course course;
  for (int day = 1; day < 90; ++day)
    CHECK(course.day(with(day % 2 == 0 ? ConsentState::withdrawn : ConsentState::absent)).empty());
  CHECK(course.entry.state == State::candidate);
  CHECK(shown(course.day(sound())) == "candidate > removed candidate-too-long");
}

TEST_CASE("a consent that is merely not there is a failure, which has its grace") {
  Course course = listed();
  CHECK(shown(course.day(with(ConsentState::absent))) == "listed > failing consent-absent");
  CHECK(shown(course.day(sound())) == "failing > listed sound-again");
  CHECK(course.day(with(ConsentState::absent)).size() == 1);
  course.repeat(2, with(ConsentState::absent));
  CHECK(shown(course.day(with(ConsentState::absent))) == "failing > suspended failed-too-long");

  Course watched;
  watched.day(sound());
  CHECK(shown(watched.day(with(ConsentState::absent))) == "watched > candidate consent-absent");
}

TEST_CASE("new MX patterns of the owner's own word count at once") {
  Course course = listed();
  const Transitions transitions = course.day(other_mxs(true));
  CHECK(shown(transitions) == "listed > listed mxs-changed");
  CHECK(transitions[0].evidence == "mx.example.org -> mx.elsewhere.test");
  CHECK(course.entry.mxs == std::vector<std::string>{"mx.elsewhere.test"});

  // Also while a server is broken, and while nothing is known of it.
  Course broken = listed();
  CHECK(shown(broken.day(other_mxs(true, unsound()))) ==
        "listed > listed mxs-changed, listed > failing unsound");
  Observation silent = other_mxs(true);
  silent.soundness = Soundness::unknown;
  Course blind = listed();
  CHECK(shown(blind.day(silent)) == "listed > listed mxs-changed");
}

TEST_CASE("new MX patterns without proof never reach the list, and are a failure of its entry") {
  Course course = listed();
  const Transitions transitions = course.day(other_mxs(false));
  CHECK(shown(transitions) == "listed > failing unsound");
  CHECK(transitions[0].evidence == "mx: mx.elsewhere.test, without proof");
  course.repeat(3, other_mxs(false));
  CHECK(course.entry.state == State::suspended);
  CHECK(course.entry.mxs == std::vector<std::string>{"mx.example.org"});
  CHECK(shown(course.day(other_mxs(false))) ==
        "suspended > suspended mxs-changed, suspended > watched sound-again");
}

TEST_CASE("a watched domain with new MX patterns without proof is watched anew") {
  Course course;
  course.repeat(28, sound());
  CHECK(shown(course.day(other_mxs(false))) == "watched > watched mxs-changed");
  course.repeat(27, other_mxs(false));
  CHECK(course.entry.state == State::watched);
  CHECK(shown(course.day(other_mxs(false))) == "watched > listed watched-long-enough");

  Course proven;
  proven.repeat(28, sound());
  CHECK(shown(proven.day(other_mxs(true))) ==
        "watched > watched mxs-changed, watched > listed watched-long-enough");
}

TEST_CASE("an entry of the publisher's own needs no consent until it ends") {
  const Observation absent = with(ConsentState::absent);
  Course course(Manual{.reason = "contract 7", .ends = start + days(60)});
  CHECK(shown(course.day(absent)) == "candidate > watched consent-given");
  course.repeat(28, absent);
  CHECK(course.entry.state == State::listed);
  CHECK(course.day(with(ConsentState::withdrawn)).empty());
  course.now = start + days(59);
  const Transitions ended = course.day(absent);
  CHECK(shown(ended) == "listed > removed manual-ended");
  CHECK(ended[0].evidence == "contract 7");

  Course with_consent(Manual{.reason = "contract 8", .ends = start + days(10)});
  with_consent.repeat(40, sound());
  CHECK(with_consent.entry.state == State::listed);
  CHECK_FALSE(with_consent.entry.manual.has_value());
}

TEST_CASE("the end of an entry by hand is no failure, also if the domain is examined first") {
  const auto examined_after_its_end = [](Observation observation) {
    Course course(Manual{.reason = "contract 9", .ends = start + days(60)});
    course.repeat(59, with(ConsentState::absent));
    REQUIRE(course.entry.state == State::listed);
    observation.time = start + days(60);
    return shown(observe(course.entry, observation, course.rules));
  };
  CHECK(examined_after_its_end(with(ConsentState::absent)) == "listed > removed manual-ended");
  CHECK(examined_after_its_end(with(ConsentState::withdrawn)) == "listed > removed manual-ended");
  CHECK(examined_after_its_end(with(ConsentState::unknown)) == "listed > removed manual-ended");
  CHECK(examined_after_its_end(unsound()).starts_with("listed > failing"));
  CHECK(examined_after_its_end(sound()).empty());
}

TEST_CASE("a suspended domain is removed after half a year") {
  Course course = listed();
  course.repeat(4, unsound());
  REQUIRE(course.entry.state == State::suspended);
  course.repeat(179, unsound());
  CHECK(course.entry.state == State::suspended);
  CHECK(shown(course.day(unsound())) == "suspended > removed suspended-too-long");
}

TEST_CASE("a held entry keeps its state, takes the owner's MX patterns, and can be removed") {
  Course course = listed();
  CHECK(shown({hold(course.entry, course.now, "court order")}) == "listed > listed held");
  for (const Observation& observation :
       {unsound(), with(ConsentState::absent), with(ConsentState::withdrawn)}) {
    for (int day = 0; day < 10; ++day) CHECK(course.day(observation).empty());
  }
  CHECK(shown(course.day(other_mxs(true))) == "listed > listed mxs-changed");
  CHECK(course.day(other_mxs(false, sound())).empty());
  CHECK(shown({release(course.entry, course.now, "")}) == "listed > listed released");
  CHECK(shown(course.day(unsound())).starts_with("listed > "));

  Course removed = listed();
  hold(removed.entry, removed.now, "");
  CHECK(shown({remove(removed.entry, removed.now, "asked by mail")}) == "listed > removed removed");
  CHECK_FALSE(removed.entry.is_held);
}

TEST_CASE("a clock that goes back neither shortens nor repeats anything") {
  Course course = listed();
  course.day(unsound());
  const Time failing_since = course.entry.since;
  for (int i = 0; i < 10; ++i) {
    Observation early = unsound();
    early.time = start;
    observe(course.entry, early, course.rules);
  }
  CHECK(course.entry.state == State::failing);
  CHECK(course.entry.since == failing_since);
  CHECK(*course.entry.observed == course.now);
}

TEST_CASE("each word is read back") {
  for (const State state :
       {State::candidate, State::watched, State::listed, State::failing, State::suspended, State::removed})
    CHECK(find_state(to_string(state)) == state);
  for (const Consent consent : {Consent::none, Consent::mta_sts, Consent::dane, Consent::record})
    CHECK(find_consent(to_string(consent)) == consent);
  for (auto number = 0; number <= static_cast<int>(Reason::released); ++number) {
    const auto reason = static_cast<Reason>(number);
    CHECK_FALSE(to_string(reason).empty());
    CHECK(find_reason(to_string(reason)) == reason);
  }
  CHECK_FALSE(find_state("").has_value());
}
