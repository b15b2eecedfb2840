#include "listingpages/words.h"

#include <fmt/format.h>

#include "base/text.h"
#include "listingpages/pages.h"

namespace starttls::listingpages {

using listing::Consent;
using listing::Reason;
using listing::State;

std::string_view meaning(State state) {
  switch (state) {
    case State::candidate:
      return "Not on the list. Its owner has not consented yet, or an examination finds faults.";
    case State::watched:
      return "Not on the list yet. Its owner has consented, and it is sound; it must stay so for some time.";
    case State::listed:
      return "On the list.";
    case State::failing:
      return "Still on the list, but an examination finds faults, or no consent. Its owner has some time to "
             "repair it.";
    case State::suspended:
      return "Off the list, because it has failed for too long. When it is sound again, it is watched again.";
    case State::removed:
      return "Off the list, and no longer examined.";
  }
  return {};
}

std::string_view clause(Reason reason) {
  switch (reason) {
    case Reason::added:
      return "the publisher has added it";
    case Reason::consent_given:
      return "it is sound, and has the consent";
    case Reason::consent_absent:
      return "the consent of its owner was not found";
    case Reason::consent_withdrawn:
      return "its owner has taken the consent back";
    case Reason::manual_ended:
      return "the publisher's own entry has ended, and its owner has not consented";
    case Reason::unsound:
      return "an examination has found faults";
    case Reason::sound_again:
      return "it is sound again";
    case Reason::watched_long_enough:
      return "it was sound for the whole time in which it was watched";
    case Reason::failed_too_long:
      return "it has failed for too long";
    case Reason::candidate_too_long:
      return "it was a candidate for too long";
    case Reason::suspended_too_long:
      return "it was suspended for too long";
    case Reason::mxs_changed:
      return "its MX patterns have changed";
    case Reason::removed:
      return "the publisher has removed it";
    case Reason::held:
      return "the publisher holds it in its state";
    case Reason::released:
      return "the publisher no longer holds it in its state";
  }
  return {};
}

std::string_view shown(Consent consent) {
  switch (consent) {
    case Consent::none:
      return "-";
    case Consent::mta_sts:
      return "MTA-STS policy";
    case Consent::dane:
      return "DANE";
    case Consent::record:
      return "TXT record";
  }
  return {};
}

std::string change(const listing::Transition& transition) {
  if (transition.from == transition.to) return std::string(to_string(transition.to));
  return fmt::format("{} -> {}", to_string(transition.from), to_string(transition.to));
}

std::string shown_evidence(const listing::Transition& transition) {
  return printable(transition.evidence, max_shown_evidence);
}

}  // namespace starttls::listingpages
