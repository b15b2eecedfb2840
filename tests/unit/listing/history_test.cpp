// Many domains for many days, whose fortunes change by chance (with a fixed seed), held against an oracle that sees only
// what was observed, not the states.

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "listing/entry.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::test;

namespace {

using std::chrono::days;

// What an observation means to the oracle.
bool tells_failure(const Observation& observation, const std::vector<std::string>& listed_mxs) {
  return observation.soundness == Soundness::unsound || observation.consent == ConsentState::absent ||
         (!observation.is_authenticated && !observation.mxs.empty() && observation.mxs != listed_mxs);
}
bool tells_soundness(const Observation& observation) {
  return observation.soundness == Soundness::sound && observation.consent == ConsentState::given;
}

// A domain with good and bad times.
class Fortune {
 public:
  explicit Fortune(unsigned seed) : random_(seed) {}

  Observation observe(Time time) {
    if (left_ == 0) next_time();
    --left_;
    Observation observation{.time = time,
                            .soundness = Soundness::sound,
                            .consent = ConsentState::given,
                            .source = Consent::mta_sts,
                            .mxs = {fmt::format("mx{}.test", mx_)},
                            .is_authenticated = is_signed_};
    switch (now_) {
      case 1:
        observation.soundness = Soundness::unsound;
        break;
      case 2:
        observation.soundness = Soundness::unknown;
        break;
      case 3:
        return {.time = time};
      case 4:
        observation.consent = ConsentState::absent;
        break;
      case 5:
        observation.consent = ConsentState::withdrawn;
        break;
      case 6:
        observation.consent = ConsentState::unknown;
        break;
      default:
        break;
    }
    if (observation.consent != ConsentState::given) {
      observation.source = Consent::none;
      observation.mxs.clear();
      observation.is_authenticated = false;
    }
    return observation;
  }

 private:
  unsigned chance(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void next_time() {
    if (now_ != 0 || chance(4) == 0) {
      now_ = 0;
      left_ = 1 + chance(60);
    } else {
      // The end of a consent is rare: after it, nothing happens any more.
      now_ = chance(40) == 0 ? 5 : 1 + static_cast<int>(chance(4)) + (chance(5) == 0 ? 2 : 0);
      if (now_ == 5 && chance(2) == 0) now_ = 6;
      left_ = 1 + chance(8);
    }
    if (chance(6) == 0) ++mx_;
    if (chance(3) == 0) is_signed_ = !is_signed_;
  }

  std::mt19937 random_;
  int now_ = 0;
  unsigned left_ = 0;
  unsigned mx_ = 0;
  bool is_signed_ = true;
};

// The observations of a domain, and what they allow.
class Oracle {
 public:
  void see(const Observation& observation, bool was_on_list, const std::vector<std::string>& listed_mxs) {
    const bool failed = was_on_list ? tells_failure(observation, listed_mxs)
                                    : observation.soundness == Soundness::unsound ||
                                          observation.consent == ConsentState::absent;
    is_withdrawn = is_withdrawn || (observation.consent == ConsentState::withdrawn && has_consented);
    has_consented = has_consented || observation.consent == ConsentState::given;
    if (failed) {
      sound_days.clear();
      if (failures++ == 0) failing_since = observation.time;
      is_over = failures >= 3 && observation.time - failing_since >= days(3);
    } else if (tells_soundness(observation)) {
      sound_days.insert(to_day(observation.time));
      failures = 0;
      is_over = false;
    }
    if (!observation.mxs.empty()) {
      if (!observation.is_authenticated && !was_on_list && observation.mxs != last_mxs) sound_days.clear();
      if (!was_on_list || observation.is_authenticated) last_mxs = observation.mxs;
      if (tells_soundness(observation) && !failed) sound_days.insert(to_day(observation.time));
    }
  }

  bool must_leave() const { return is_withdrawn || is_over; }

  std::set<Day> sound_days;  // since the last failure
  unsigned failures = 0;     // since the last sound observation
  Time failing_since;
  bool is_over = false;  // the grace: three failures, within three days or more
  std::vector<std::string> last_mxs;
  bool has_consented = false;
  bool is_withdrawn = false;
};

struct Sums {
  unsigned listed = 0;
  unsigned suspended = 0;
  unsigned removed = 0;
  unsigned recovered = 0;
  unsigned moved = 0;
};

void run(unsigned seed, Sums& sums) {
  const Rules rules;
  Fortune fortune(seed);
  Oracle oracle;
  Time now = at("2026-01-01T03:00:00Z");
  Entry entry = add(good(DomainName::parse("example.org")), now, "").entry;
  for (int day = 0; day < 400 && entry.state != State::removed; ++day) {
    now += days(1) + std::chrono::minutes(seed % 50);
    const Observation observation = fortune.observe(now);
    const Entry before = entry;
    Transitions all = expire(entry, now, rules);
    for (Transition& each : observe(entry, observation, rules)) all.push_back(std::move(each));
    oracle.see(observation, is_on_list(before), before.mxs);

    CAPTURE(seed, day, to_string(before.state), to_string(entry.state));
    const bool told_nothing =
        observation.soundness == Soundness::unknown &&
        (observation.consent == ConsentState::unknown || observation.consent == ConsentState::given) &&
        !tells_failure(observation, before.mxs);
    if (told_nothing && entry.state != State::removed) CHECK(entry.state == before.state);
    if (is_on_list(entry)) {
      CHECK_FALSE(oracle.must_leave());
      CHECK_FALSE(entry.mxs.empty());
      if (!is_on_list(before)) CHECK(oracle.sound_days.size() > 28);
      // No stale pattern once the owner has changed it with proof.
      if (!observation.mxs.empty() && observation.is_authenticated) CHECK(entry.mxs == observation.mxs);
      // And no new one without proof.
      if (is_on_list(before) && entry.mxs != before.mxs) CHECK(observation.is_authenticated);
    } else if (is_on_list(before)) {
      CHECK(oracle.must_leave());
    } else if (oracle.sound_days.size() > 29 && tells_soundness(observation)) {
      CHECK_FALSE(entry.state ==
                  State::candidate);  // it must have been listed, or be watched anew for its MX hosts
    }
    for (const Transition& each : all) {
      CHECK(each.domain == entry.domain);
      sums.listed += each.reason == Reason::watched_long_enough ? 1U : 0U;
      sums.suspended += each.to == State::suspended ? 1U : 0U;
      sums.removed += each.to == State::removed ? 1U : 0U;
      sums.recovered += each.from == State::failing && each.to == State::listed ? 1U : 0U;
      sums.moved += each.reason == Reason::mxs_changed && is_on_list(entry) ? 1U : 0U;
    }
  }
}

}  // namespace

TEST_CASE("whatever happens, nobody is listed too early, stays too long, or leaves without a reason") {
  Sums sums;
  for (unsigned seed = 1; seed <= 500; ++seed) run(seed, sums);
  // The histories have all that can happen.
  CHECK(sums.listed > 100);
  CHECK(sums.suspended > 30);
  CHECK(sums.removed > 30);
  CHECK(sums.recovered > 30);
  CHECK(sums.moved > 30);
}
