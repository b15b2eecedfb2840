#include "examination/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace starttls::examination {

int badness(Level level) {
  switch (level) {
    case Level::ok:
      return 0;
    case Level::note:
      return 1;
    case Level::warning:
      return 2;
    case Level::cannot_tell:
      return 3;
    case Level::fault:
      return 4;
  }
  return 0;
}

std::string to_string(const Subject& subject) {
  if (subject.kind == Subject::Kind::address) return fmt::format("{}[{}]", subject.name, subject.address);
  return subject.name;
}

void Report::add(Code code, Level level, Subject subject, Text text) {
  findings_.push_back({.code = code,
                       .level = level,
                       .subject = std::move(subject),
                       .seen = std::move(text.seen),
                       .why = std::move(text.why),
                       .remedy = std::move(text.remedy)});
}

void Report::ok(Code code, Subject subject, std::string seen) {
  add(code, Level::ok, std::move(subject), {.seen = std::move(seen), .why = {}, .remedy = {}});
}

void sort(Findings& findings) {
  // The domain first, then the hosts in the order in which they were judged, each before its addresses.
  std::map<std::string, std::size_t> order;
  for (const Finding& finding : findings) {
    if (finding.subject.kind != Subject::Kind::domain) order.emplace(finding.subject.name, order.size());
  }
  const auto key = [&order](const Finding& finding) {
    const Subject& subject = finding.subject;
    const bool is_domain = subject.kind == Subject::Kind::domain;
    return std::tuple(is_domain ? std::size_t{0} : order.at(subject.name) + 1, subject.kind, subject.address,
                      -badness(finding.level));
  };
  std::ranges::stable_sort(findings, {}, key);
}

Level worst(std::span<const Finding> findings) {
  const auto found =
      std::ranges::max_element(findings, {}, [](const Finding& finding) { return badness(finding.level); });
  return found == findings.end() ? Level::ok : found->level;
}

int exit_status(Level worst_level) {
  if (worst_level == Level::fault) return 1;
  return worst_level == Level::cannot_tell ? 75 : 0;
}

int exit_status(std::span<const Finding> findings) {
  return exit_status(worst(findings));
}

}  // namespace starttls::examination
