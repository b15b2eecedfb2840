#include "policy/decision.h"

#include <fmt/format.h>

#include <utility>

#include "base/enum_words.h"

namespace starttls::policy {
namespace {

constexpr std::string_view only_authenticated =
    "mail goes out only over authenticated TLS to a matching server";

constexpr auto mode_words = enum_words<Mode>({{Mode::none, "none"},
                                              {Mode::testing, "testing"},
                                              {Mode::enforce, "enforce"},
                                              {Mode::mandatory_dane, "dane-only"},
                                              {Mode::opportunistic_dane, "dane"},
                                              {Mode::undecided, "undecided"}});

Mode mode_of(mtasts::Mode mode) {
  switch (mode) {
    case mtasts::Mode::enforce:
      return Mode::enforce;
    case mtasts::Mode::testing:
      return Mode::testing;
    case mtasts::Mode::none:
      break;
  }
  return Mode::none;
}

bool has_suffix(std::string_view joined_mxs) {
  return joined_mxs.starts_with('.') || joined_mxs.find(":.") != joined_mxs.npos;
}

// The consequence of the mode, from any source.
std::string consequence(const Decision& decision, std::string_view source) {
  if (decision.mode == Mode::none) return "it demands nothing";
  if (!decision.enforced) return fmt::format("mail goes out as if {} did not have it", source);
  std::string text =
      decision.mode == Mode::testing ? "treated as enforce for an early adopter, " : std::string();
  text += only_authenticated;
  if (has_suffix(decision.joined_mxs)) {
    text += " (a suffix means one label; Postfix matches any number of them)";
  }
  return text;
}

Decision of_entry(const ListEntry& entry, Source source, bool early_adopter) {
  const bool is_list = source == Source::list;
  Decision decision{.source = source,
                    .list = entry.list,
                    .mode = mode_of(entry.mode),
                    .joined_mxs = entry.joined_mxs,
                    .expires = entry.expires};
  decision.enforced = !entry.joined_mxs.empty() &&
                      (decision.mode == Mode::enforce || (decision.mode == Mode::testing && early_adopter));
  decision.reason = fmt::format(
      "{} with mode {}: {}", is_list ? fmt::format("list {} has it", entry.list) : "the overrides have it",
      to_string(decision.mode), consequence(decision, is_list ? "the list" : "they"));
  return decision;
}

Decision of_mta_sts(const mtasts::FetchedPolicy& fetched) {
  Decision decision{.source = Source::mta_sts,
                    .mode = mode_of(fetched.policy.mode),
                    .joined_mxs = join_mxs(fetched.policy),
                    .expires = fetched.expires()};
  decision.enforced = decision.mode == Mode::enforce && !decision.joined_mxs.empty();
  decision.reason = fmt::format(
      "its MTA-STS policy, fetched {}, has mode {}: {}", to_rfc3339(fetched.fetched),
      to_string(decision.mode),
      decision.mode == Mode::testing ? "it demands nothing yet" : consequence(decision, "nobody"));
  return decision;
}

Decision of_dane(const dane::DaneResult& result, Mode mode) {
  const std::string_view rest =
      dane::has_usable_tlsa(result.status) ? "" : "; the mail server looks for itself when it delivers";
  return {.source = Source::dane, .mode = mode, .reason = fmt::format("DANE: {}{}", result.reason, rest)};
}

Decision undecided(const dane::DaneResult& result, const Decision& otherwise) {
  return {.source = Source::dane,
          .mode = Mode::undecided,
          .reason = fmt::format("mail waits until DANE can be looked up: {}; then: {}", result.reason,
                                otherwise.reason)};
}

Decision without_dane(const Inputs& inputs) {
  if (inputs.mta_sts != nullptr) {
    Decision decision = of_mta_sts(*inputs.mta_sts);
    if (inputs.list_entry && inputs.list_entry->mode != preload::Mode::none && !decision.enforced) {
      decision.reason += fmt::format("; it goes before list {}", inputs.list_entry->list);
    }
    return decision;
  }
  if (inputs.list_entry) return of_entry(*inputs.list_entry, Source::list, inputs.early_adopter);
  return {.reason = "no source has a policy for it"};
}

}  // namespace

std::string_view to_string(Mode mode) {
  return mode_words.word(mode);
}

std::string join_mxs(const mtasts::Policy& policy) {
  std::string joined;
  for (const mtasts::MxPattern& mx : policy.mx) {
    if (!joined.empty()) joined += ':';
    if (mx.is_wildcard()) joined += '.';
    joined += mx.name().str();
  }
  return joined;
}

Decision decide(const Inputs& inputs) {
  if (inputs.override_entry) return of_entry(*inputs.override_entry, Source::overrides, inputs.early_adopter);
  if (!inputs.dane) return without_dane(inputs);
  const dane::DaneStatus status = inputs.dane->status;
  if (status == dane::DaneStatus::all) return of_dane(*inputs.dane, Mode::mandatory_dane);
  if (status == dane::DaneStatus::some)
    return of_dane(*inputs.dane, inputs.wait_for_dane ? Mode::mandatory_dane : Mode::opportunistic_dane);
  Decision decision = without_dane(inputs);
  if (status == dane::DaneStatus::none) return decision;
  const bool is_open = status == dane::DaneStatus::unknown || status == dane::DaneStatus::failing ||
                       status == dane::DaneStatus::unvalidated;
  if (!decision.enforced) {
    if (!inputs.wait_for_dane) return of_dane(*inputs.dane, Mode::opportunistic_dane);
    return is_open ? undecided(*inputs.dane, decision) : decision;
  }
  return status == dane::DaneStatus::unknown ? undecided(*inputs.dane, decision) : decision;
}

}  // namespace starttls::policy
