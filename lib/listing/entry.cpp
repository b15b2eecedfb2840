#include "listing/entry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/enum_words.h"

namespace starttls::listing {
namespace {

constexpr auto state_words = enum_words<State>({{State::candidate, "candidate"},
                                                {State::watched, "watched"},
                                                {State::listed, "listed"},
                                                {State::failing, "failing"},
                                                {State::suspended, "suspended"},
                                                {State::removed, "removed"}});
constexpr auto consent_words = enum_words<Consent>({{Consent::none, "none"},
                                                    {Consent::mta_sts, "mta-sts"},
                                                    {Consent::dane, "dane"},
                                                    {Consent::record, "record"}});
constexpr auto reason_words = enum_words<Reason>({{Reason::added, "added"},
                                                  {Reason::consent_given, "consent-given"},
                                                  {Reason::consent_absent, "consent-absent"},
                                                  {Reason::consent_withdrawn, "consent-withdrawn"},
                                                  {Reason::manual_ended, "manual-ended"},
                                                  {Reason::unsound, "unsound"},
                                                  {Reason::sound_again, "sound-again"},
                                                  {Reason::watched_long_enough, "watched-long-enough"},
                                                  {Reason::failed_too_long, "failed-too-long"},
                                                  {Reason::candidate_too_long, "candidate-too-long"},
                                                  {Reason::suspended_too_long, "suspended-too-long"},
                                                  {Reason::mxs_changed, "mxs-changed"},
                                                  {Reason::removed, "removed"},
                                                  {Reason::held, "held"},
                                                  {Reason::released, "released"}});

void restart_watch(Entry& entry) {
  entry.sound_days = 0;
  entry.sound_day.reset();
}

// Sets the state, of which all counts begin again.
void set_state(Entry& entry, State state, Time now) {
  entry.state = state;
  entry.since = now;
  entry.failures = 0;
  restart_watch(entry);
}

Transition stay(const Entry& entry, Time now, Reason reason, std::string evidence) {
  return {.domain = entry.domain,
          .time = now,
          .from = entry.state,
          .to = entry.state,
          .reason = reason,
          .evidence = std::move(evidence)};
}

Transition go(Entry& entry, State to, Time now, Reason reason, std::string evidence) {
  Transition transition = stay(entry, now, reason, std::move(evidence));
  transition.to = to;
  set_state(entry, to, now);
  return transition;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

bool has_manual(const Entry& entry, Time now) {
  return entry.manual && now < entry.manual->ends;
}

// An entry by hand whose time is over: it needs the domain's own consent from now on.
Transitions end_manual(Entry& entry, Time now) {
  std::string words = std::exchange(entry.manual, std::nullopt)->reason;
  if (entry.consent != Consent::none) return {};
  return {go(entry, State::removed, now, Reason::manual_ended, std::move(words))};
}

// One observation, step by step.
class Step {
 public:
  Step(Entry& entry, const Observation& observation, const Rules& rules)
      : entry_(entry), observation_(observation), rules_(rules), now_(observation.time) {
    if (entry.observed) now_ = std::max(now_, *entry.observed);
    now_ = std::max(now_, entry.since);
  }

  Transitions run() {
    entry_.observed = now_;
    if (entry_.state == State::removed) return {};
    if (is_withdrawn()) {
      if (!entry_.is_held) change(State::removed, Reason::consent_withdrawn, "");
      return std::move(transitions_);
    }
    take_mxs();
    if (entry_.is_held) return std::move(transitions_);
    if (observation_.consent == ConsentState::given) entry_.consent = observation_.source;
    // That its time is over is no failure.
    if (entry_.manual && !has_manual(entry_, now_)) append(end_manual(entry_, now_));
    if (entry_.state == State::removed) return std::move(transitions_);
    if (is_unsound()) {
      fail();
    } else if (is_sound()) {
      succeed();
    }
    return std::move(transitions_);
  }

 private:
  bool is_withdrawn() const {
    return observation_.consent == ConsentState::withdrawn && entry_.consent != Consent::none &&
           !has_manual(entry_, now_);
  }
  bool is_consent_absent() const {
    return (observation_.consent == ConsentState::absent ||
            observation_.consent == ConsentState::withdrawn) &&
           !has_manual(entry_, now_);
  }
  bool is_unsound() const {
    return observation_.soundness == Soundness::unsound || has_strange_mxs_ || is_consent_absent();
  }
  bool is_sound() const {
    return observation_.soundness == Soundness::sound && !has_strange_mxs_ &&
           (observation_.consent == ConsentState::given || has_manual(entry_, now_));
  }

  // New MX patterns. An entry on the list changes only by its owner's own word.
  void take_mxs() {
    const std::vector<std::string>& now = observation_.mxs;
    if (now.empty() || now == entry_.mxs) return;
    const bool is_known = !entry_.mxs.empty();
    if (is_on_list(entry_) && !observation_.is_authenticated) {
      has_strange_mxs_ = true;
      return;
    }
    if (is_known) {
      transitions_.push_back(
          stay(entry_, now_, Reason::mxs_changed, fmt::format("{} -> {}", joined(entry_.mxs), joined(now))));
    }
    entry_.mxs = now;
    if (is_known && !observation_.is_authenticated) restart_watch(entry_);
  }

  void fail() {
    switch (entry_.state) {
      case State::watched:
        return change(State::candidate, reason_of_failure(), faults());
      case State::listed:
        change(State::failing, reason_of_failure(), faults());
        entry_.failures = 1;
        return;
      case State::failing:
        ++entry_.failures;
        if (entry_.failures >= rules_.grace_failures &&
            now_ - entry_.since >= std::chrono::days(rules_.grace_days))
          change(State::suspended, Reason::failed_too_long, faults());
        return;
      case State::candidate:
      case State::suspended:
      case State::removed:
        return;
    }
  }

  void succeed() {
    switch (entry_.state) {
      case State::candidate:
      case State::suspended:
        if (entry_.mxs.empty()) return;
        change(State::watched, entry_.state == State::candidate ? Reason::consent_given : Reason::sound_again,
               evidence_of_consent());
        return count_day();
      case State::watched:
        count_day();
        if (entry_.sound_days > rules_.watch_days && !waits_for_deliveries())
          change(State::listed, Reason::watched_long_enough, evidence_of_watch());
        return;
      case State::failing:
        return change(State::listed, Reason::sound_again, "");
      case State::listed:
      case State::removed:
        return;
    }
  }

  void count_day() {
    const Day day = to_day(now_);
    if (entry_.sound_day && day <= *entry_.sound_day) return;
    entry_.sound_day = day;
    ++entry_.sound_days;
  }

  // Anybody can send reports, so they cannot keep a domain off the list for ever.
  bool waits_for_deliveries() const {
    return rules_.doubting_reporters > 0 && observation_.deliveries.doubting >= rules_.doubting_reporters &&
           entry_.sound_days <= 2 * rules_.watch_days;
  }

  std::string evidence_of_watch() const {
    std::string text = fmt::format("{} sound days", entry_.sound_days);
    if (observation_.deliveries.reporters > 0) text += "; " + to_text(observation_.deliveries);
    return text;
  }

  Reason reason_of_failure() const {
    const bool only_consent = is_consent_absent() && observation_.soundness != Soundness::unsound;
    return only_consent ? Reason::consent_absent : Reason::unsound;
  }

  std::string faults() const {
    std::vector<std::string> words = observation_.faults;
    if (has_strange_mxs_) words.push_back(fmt::format("mx: {}, without proof", joined(observation_.mxs)));
    return joined(words);
  }

  std::string evidence_of_consent() const {
    return has_manual(entry_, now_) ? entry_.manual->reason : std::string(to_string(entry_.consent));
  }

  void append(Transitions more) {
    for (Transition& each : more) transitions_.push_back(std::move(each));
  }

  void change(State to, Reason reason, std::string evidence) {
    transitions_.push_back(go(entry_, to, now_, reason, std::move(evidence)));
  }

  Entry& entry_;
  const Observation& observation_;
  const Rules& rules_;
  Time now_;
  bool has_strange_mxs_ = false;
  Transitions transitions_;
};

}  // namespace

std::string_view to_string(State state) {
  return state_words.word(state);
}
std::optional<State> find_state(std::string_view word) {
  return state_words.find(word);
}
std::string_view to_string(Consent consent) {
  return consent_words.word(consent);
}
std::optional<Consent> find_consent(std::string_view word) {
  return consent_words.find(word);
}
std::string_view to_string(Reason reason) {
  return reason_words.word(reason);
}
std::optional<Reason> find_reason(std::string_view word) {
  return reason_words.find(word);
}

bool is_on_list(const Entry& entry) {
  return entry.state == State::listed || entry.state == State::failing;
}

bool concerns_owner(const Transition& transition) {
  return transition.from != transition.to && transition.to == State::failing;
}

Transitions observe(Entry& entry, const Observation& observation, const Rules& rules) {
  return Step(entry, observation, rules).run();
}

Transitions expire(Entry& entry, Time now, const Rules& rules) {
  Transitions transitions;
  if (entry.is_held || entry.state == State::removed) return transitions;
  if (entry.manual && !has_manual(entry, now)) transitions = end_manual(entry, now);
  const auto is_over = [&](State state, unsigned days) {
    return entry.state == state && now - entry.since >= std::chrono::days(days);
  };
  if (is_over(State::candidate, rules.candidate_days))
    transitions.push_back(go(entry, State::removed, now, Reason::candidate_too_long, ""));
  if (is_over(State::suspended, rules.suspended_days))
    transitions.push_back(go(entry, State::removed, now, Reason::suspended_too_long, ""));
  return transitions;
}

Added add(DomainName domain, Time now, std::string words, std::optional<Manual> manual,
          std::vector<std::string> mxs) {
  Entry entry{.domain = std::move(domain), .since = now, .mxs = std::move(mxs), .manual = std::move(manual)};
  Transition transition = stay(entry, now, Reason::added, std::move(words));
  return {.entry = std::move(entry), .transition = std::move(transition)};
}

Transition enter_by_hand(Entry& entry, Time now, Manual manual, std::vector<std::string> mxs) {
  entry.mxs = std::move(mxs);
  Transition transition = stay(entry, now, Reason::added, manual.reason);
  entry.manual = std::move(manual);
  return transition;
}

Transition remove(Entry& entry, Time now, std::string words) {
  entry.is_held = false;
  return go(entry, State::removed, now, Reason::removed, std::move(words));
}

Transition hold(Entry& entry, Time now, std::string words) {
  entry.is_held = true;
  return stay(entry, now, Reason::held, std::move(words));
}

Transition release(Entry& entry, Time now, std::string words) {
  entry.is_held = false;
  return stay(entry, now, Reason::released, std::move(words));
}

}  // namespace starttls::listing
