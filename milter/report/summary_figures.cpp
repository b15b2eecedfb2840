#include "milter/report/summary_figures.h"

#include <algorithm>
#include <array>
#include <utility>

namespace starttls::milter {
namespace {

using store::Outcome;
using store::SessionClass;
using store::Tally;

constexpr std::array<std::pair<std::string_view, Grouping>, 7> groupings{{
    {"protection", Grouping::protection},
    {"day", Grouping::day},
    {"domain", Grouping::domain},
    {"sender", Grouping::sender},
    {"mx", Grouping::mx},
    {"cipher", Grouping::cipher},
    {"failure", Grouping::failure},
}};

std::string protection_of(const SessionClass& of) {
  return of.outcome == Outcome::tls ? of.tls_version : std::string(to_text(of.outcome));
}

std::string sender_of(const SessionClass& of) {
  if (!of.client_name.empty()) return of.client_name;
  return of.client_address.empty() ? "(no address)" : "[" + of.client_address + "]";
}

// Not for Grouping::domain: a session may have several.
std::string group_of(const SessionClass& of, Grouping by) {
  switch (by) {
    case Grouping::protection:
      return protection_of(of);
    case Grouping::day:
      return to_text(of.day);
    case Grouping::sender:
      return sender_of(of);
    case Grouping::mx:
      return of.receiving_mx;
    case Grouping::cipher:
      return of.cipher.empty() ? "(no TLS)" : of.cipher;
    case Grouping::failure:
      return std::string(to_text(of.failure));
    case Grouping::domain:
      break;
  }
  std::unreachable();
}

Figures& operator+=(Figures& figures, const Figures& more) {
  figures.sessions += more.sessions;
  figures.tls += more.tls;
  figures.plaintext += more.plaintext;
  figures.no_mail += more.no_mail;
  figures.no_helo += more.no_helo;
  figures.failed += more.failed;
  figures.messages += more.messages;
  return figures;
}

Figures figures_of(Outcome outcome, const Tally& tally) {
  Figures figures{.sessions = tally.sessions, .messages = tally.messages};
  switch (outcome) {
    case Outcome::tls:
      figures.tls = tally.sessions;
      break;
    case Outcome::plaintext:
      figures.plaintext = tally.sessions;
      break;
    case Outcome::no_mail:
      figures.no_mail = tally.sessions;
      break;
    case Outcome::no_helo:
      figures.no_helo = tally.sessions;
      break;
    case Outcome::failed:
      figures.failed = tally.sessions;
      break;
  }
  return figures;
}

}  // namespace

std::optional<Grouping> parse_grouping(std::string_view word) {
  const auto found = std::ranges::find(groupings, word, &decltype(groupings)::value_type::first);
  return found == groupings.end() ? std::nullopt : std::optional(found->second);
}

Figures& Groups::group(const std::string& name) {
  if (last_name_ == nullptr || *last_name_ != name) {
    const auto found = groups_.try_emplace(name).first;
    last_name_ = &found->first;
    last_ = &found->second;
  }
  return *last_;
}

void Groups::add(const store::SessionClass& of, const store::ClassCount& count) {
  if (by_ == Grouping::failure && of.outcome != Outcome::failed) return;
  if (by_ != Grouping::domain && !domain_) {
    group(group_of(of, by_)) += figures_of(of.outcome, count.total);
    return;
  }
  for (const auto& [name, tally] : count.recipient_domains) {
    if (domain_ && name != *domain_) continue;
    group(by_ == Grouping::domain ? name : group_of(of, by_)) += figures_of(of.outcome, tally);
  }
}

Figures sum(const GroupedFigures& groups) {
  Figures total;
  for (const auto& [name, figures] : groups) total += figures;
  return total;
}

}  // namespace starttls::milter
