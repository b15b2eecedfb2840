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
std::string consequence(const Decision& answer, std::string_view source) {
  if (answer.mode == Mode::none) return "it demands nothing";
  if (!answer.enforced) return fmt::format("mail goes out as if {} did not have it", source);
  std::string text =
      answer.mode == Mode::testing ? "treated as enforce for an early adopter, " : std::string();
  text += only_authenticated;
  if (has_suffix(answer.joined_mxs)) {
    text += " (a suffix means one label; Postfix matches any number of them)";
  }
  return text;
}

Decision of_entry(const ListEntry& entry, Source source, bool early_adopter) {
  const bool is_list = source == Source::list;
  Decision answer{.source = source,
                  .list = entry.list,
                  .mode = mode_of(entry.mode),
                  .joined_mxs = entry.joined_mxs,
                  .expires = entry.expires};
  answer.enforced = !entry.joined_mxs.empty() &&
                    (answer.mode == Mode::enforce || (answer.mode == Mode::testing && early_adopter));
  answer.reason = fmt::format("{} with mode {}: {}",
                              is_list ? fmt::format("list {} has it", entry.list) : "the overrides have it",
                              to_string(answer.mode), consequence(answer, is_list ? "the list" : "they"));
  return answer;
}

Decision of_mta_sts(const mtasts::FetchedPolicy& fetched) {
  Decision answer{.source = Source::mta_sts,
                  .mode = mode_of(fetched.policy.mode),
                  .joined_mxs = join_mxs(fetched.policy),
                  .expires = fetched.expires()};
  answer.enforced = answer.mode == Mode::enforce && !answer.joined_mxs.empty();
  answer.reason = fmt::format(
      "its MTA-STS policy, fetched {}, has mode {}: {}", to_rfc3339(fetched.fetched), to_string(answer.mode),
      answer.mode == Mode::testing ? "it demands nothing yet" : consequence(answer, "nobody"));
  return answer;
}

Decision of_dane(const dane::DaneResult& verdict, Mode mode) {
  const std::string_view rest =
      dane::has_usable_tlsa(verdict.status) ? "" : "; the mail server looks for itself when it delivers";
  return {.source = Source::dane, .mode = mode, .reason = fmt::format("DANE: {}{}", verdict.reason, rest)};
}

Decision undecided(const dane::DaneResult& verdict, const Decision& otherwise) {
  return {.source = Source::dane,
          .mode = Mode::undecided,
          .reason = fmt::format("mail waits until DANE can be looked up: {}; then: {}", verdict.reason,
                                otherwise.reason)};
}

Decision without_dane(const Inputs& known) {
  if (known.mta_sts != nullptr) {
    Decision answer = of_mta_sts(*known.mta_sts);
    if (known.list_entry && known.list_entry->mode != preload::Mode::none && !answer.enforced) {
      answer.reason += fmt::format("; it goes before list {}", known.list_entry->list);
    }
    return answer;
  }
  if (known.list_entry) return of_entry(*known.list_entry, Source::list, known.early_adopter);
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

Decision decide(const Inputs& known) {
  if (known.override_entry) return of_entry(*known.override_entry, Source::overrides, known.early_adopter);
  if (!known.dane) return without_dane(known);
  const dane::DaneStatus status = known.dane->status;
  if (status == dane::DaneStatus::all) return of_dane(*known.dane, Mode::mandatory_dane);
  if (status == dane::DaneStatus::some)
    return of_dane(*known.dane, known.wait_for_dane ? Mode::mandatory_dane : Mode::opportunistic_dane);
  Decision answer = without_dane(known);
  if (status == dane::DaneStatus::none) return answer;
  const bool is_open = status == dane::DaneStatus::unknown || status == dane::DaneStatus::failing ||
                       status == dane::DaneStatus::unvalidated;
  if (!answer.enforced) {
    if (!known.wait_for_dane) return of_dane(*known.dane, Mode::opportunistic_dane);
    return is_open ? undecided(*known.dane, answer) : answer;
  }
  return status == dane::DaneStatus::unknown ? undecided(*known.dane, answer) : answer;
}

}  // namespace starttls::policy
