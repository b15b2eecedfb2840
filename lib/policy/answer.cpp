#include "policy/answer.h"

#include <fmt/format.h>

#include <utility>

namespace starttls::policy {
namespace {

constexpr std::string_view only_authenticated =
    "mail goes out only over authenticated TLS to a matching server";

Mode mode_of(preload::Mode mode) {
  switch (mode) {
    case preload::Mode::enforce:
      return Mode::enforce;
    case preload::Mode::testing:
      return Mode::testing;
    case preload::Mode::none:
      break;
  }
  return Mode::none;
}

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

// What follows from the mode, whoever demands it.
std::string consequence(const Answer& answer, std::string_view source) {
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

Answer of_entry(const ListEntry& entry, Source source, bool early_adopter) {
  const bool is_list = source == Source::list;
  Answer answer{.source = source,
                .list = entry.list,
                .mode = mode_of(entry.mode),
                .joined_mxs = entry.joined_mxs,
                .expires = entry.expires};
  answer.enforced = !entry.joined_mxs.empty() &&
                    (answer.mode == Mode::enforce || (answer.mode == Mode::testing && early_adopter));
  answer.reason = fmt::format("{} with mode {}: {}",
                              is_list ? fmt::format("list {} has it", entry.list) : "the overrides have it",
                              to_text(answer.mode), consequence(answer, is_list ? "the list" : "they"));
  return answer;
}

Answer of_mta_sts(const mtasts::FetchedPolicy& fetched) {
  Answer answer{.source = Source::mta_sts,
                .mode = mode_of(fetched.policy.mode),
                .joined_mxs = join_mxs(fetched.policy),
                .expires = fetched.expires()};
  answer.enforced = answer.mode == Mode::enforce && !answer.joined_mxs.empty();
  answer.reason = fmt::format(
      "its MTA-STS policy, fetched {}, has mode {}: {}", to_rfc3339(fetched.fetched), to_text(answer.mode),
      answer.mode == Mode::testing ? "it demands nothing yet" : consequence(answer, "nobody"));
  return answer;
}

Answer of_dane(const dane::Verdict& verdict, Mode mode) {
  const std::string_view rest =
      dane::is_bound(verdict.standing) ? "" : "; the mail server looks for itself when it delivers";
  return {.source = Source::dane, .mode = mode, .reason = fmt::format("DANE: {}{}", verdict.reason, rest)};
}

Answer undecided(const dane::Verdict& verdict, const Answer& otherwise) {
  return {.source = Source::dane,
          .mode = Mode::undecided,
          .reason = fmt::format("mail waits until DANE can be looked up: {}; then: {}", verdict.reason,
                                otherwise.reason)};
}

Answer without_dane(const Known& known) {
  if (known.mta_sts != nullptr) {
    Answer answer = of_mta_sts(*known.mta_sts);
    if (known.list_entry && known.list_entry->mode != preload::Mode::none && !answer.enforced) {
      answer.reason += fmt::format("; it goes before list {}", known.list_entry->list);
    }
    return answer;
  }
  if (known.list_entry) return of_entry(*known.list_entry, Source::list, known.early_adopter);
  return {.reason = "no source has a policy for it"};
}

}  // namespace

std::string_view to_text(Mode mode) {
  switch (mode) {
    case Mode::none:
      return "none";
    case Mode::testing:
      return "testing";
    case Mode::enforce:
      return "enforce";
    case Mode::dane:
      return "dane-only";
    case Mode::dane_where_bound:
      return "dane";
    case Mode::undecided:
      return "undecided";
  }
  std::unreachable();
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

Answer decide(const Known& known) {
  if (known.override_entry) return of_entry(*known.override_entry, Source::overrides, known.early_adopter);
  if (!known.dane) return without_dane(known);
  const dane::Standing standing = known.dane->standing;
  if (standing == dane::Standing::all) return of_dane(*known.dane, Mode::dane);
  if (standing == dane::Standing::some)
    return of_dane(*known.dane, known.wait_for_dane ? Mode::dane : Mode::dane_where_bound);
  Answer answer = without_dane(known);
  if (standing == dane::Standing::none) return answer;
  const bool is_open = standing == dane::Standing::unknown || standing == dane::Standing::failing ||
                       standing == dane::Standing::unvalidated;
  if (!answer.enforced) {
    if (!known.wait_for_dane) return of_dane(*known.dane, Mode::dane_where_bound);
    return is_open ? undecided(*known.dane, answer) : answer;
  }
  return standing == dane::Standing::unknown ? undecided(*known.dane, answer) : answer;
}

}  // namespace starttls::policy
