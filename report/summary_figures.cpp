#include "report/summary_figures.h"

#include <utility>

#include "base/enum_words.h"

namespace starttls::report {
namespace {

using session::Outcome;
using store::SessionClass;
using store::Tally;

constexpr auto groupings = enum_words<Grouping>({
    {Grouping::protection, "protection"},
    {Grouping::version, "version"},
    {Grouping::day, "day"},
    {Grouping::domain, "domain"},
    {Grouping::sender, "sender"},
    {Grouping::host, "host"},
    {Grouping::address, "address"},
    {Grouping::mx, "mx"},
    {Grouping::cipher, "cipher"},
    {Grouping::failure, "failure"},
});

}  // namespace

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

Figures to_figures(Outcome outcome, const Tally& tally) {
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

std::optional<Tally> tally_for(const store::ClassCount& count, const std::optional<std::string>& domain) {
  if (!domain) return count.total;
  const auto found = count.recipient_domains.find(*domain);
  return found == count.recipient_domains.end() ? std::nullopt : std::optional(found->second);
}

std::string client_label(const SessionClass& session_class) {
  if (!session_class.client_name.empty()) return session_class.client_name;
  return session_class.client_address.empty() ? "(no address)" : "[" + session_class.client_address + "]";
}

std::optional<Grouping> parse_grouping(std::string_view word) {
  return groupings.find(word);
}

// Not for Grouping::domain: a session may have several.
std::string_view FigureGroups::name_of(const SessionClass& session_class) {
  switch (by_) {
    case Grouping::protection:
      return session_class.outcome == Outcome::tls ? session_class.tls_version
                                                   : to_string(session_class.outcome);
    case Grouping::day:
      if (named_day_ != session_class.day) name_ = to_string(session_class.day);
      named_day_ = session_class.day;
      return name_;
    case Grouping::version:
      return session_class.tls_version;
    case Grouping::sender:
      return sender_of_(session_class);
    case Grouping::address:
      return session_class.client_address.empty() ? std::string_view("(no address kept)")
                                                  : session_class.client_address;
    case Grouping::host:
      if (!session_class.client_name.empty()) return session_class.client_name;
      name_ = client_label(session_class);
      return name_;
    case Grouping::mx:
      return session_class.receiving_mx;
    case Grouping::cipher:
      return session_class.cipher.empty() ? std::string_view("(no TLS)") : session_class.cipher;
    case Grouping::failure:
      return to_string(session_class.failure);
    case Grouping::domain:
      break;
  }
  std::unreachable();
}

Figures& FigureGroups::group(std::string_view name) {
  if (last_ != nullptr && last_name_ == name) return *last_;
  auto found = groups_.find(name);
  if (found == groups_.end()) found = groups_.emplace(std::string(name), Figures()).first;
  last_name_ = found->first;
  last_ = &found->second;
  return *last_;
}

void FigureGroups::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  if (by_ == Grouping::failure && session_class.outcome != Outcome::failed) return;
  if (by_ == Grouping::version && session_class.outcome != Outcome::tls) return;
  if (by_ != Grouping::domain && !domain_) {
    group(name_of(session_class)) += to_figures(session_class.outcome, count.total);
    return;
  }
  for (const auto& [name, tally] : count.recipient_domains) {
    if (domain_ && name != *domain_) continue;
    group(by_ == Grouping::domain ? std::string_view(name) : name_of(session_class)) +=
        to_figures(session_class.outcome, tally);
  }
}

Figures sum(const GroupedFigures& groups) {
  Figures total;
  for (const auto& [name, figures] : groups) total += figures;
  return total;
}

}  // namespace starttls::report
