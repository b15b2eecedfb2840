#include "report/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <utility>

#include "base/counted.h"
#include "base/saturated.h"
#include "base/text.h"
#include "report/summary_figures.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_implausible = 5;  // that are printed

constexpr std::array<std::string_view, 4> known_versions{"TLSv1", "TLSv1.1", "TLSv1.2",
                                                         "TLSv1.3"};  // the lowest first

// "certificate-expired at mx2.example.org, ..."
std::string in_words(const FailureDigest& failures) {
  std::string text;
  for (const auto& [key, group] : failures.groups()) {
    text += (text.empty() ? "" : ", ") + key.second;
    if (!group.mx_hosts.empty()) text += " at " + group.mx_hosts.begin()->first;
    if (group.mx_hosts.size() > 1) text += fmt::format(" and {} more", group.mx_hosts.size() - 1);
  }
  return text;
}

void sort_by_sessions(std::vector<AffectedSender>& affected) {
  std::ranges::stable_sort(affected, std::ranges::greater(), &AffectedSender::sessions);
}

}  // namespace

std::string_view word_of(Readiness readiness) {
  switch (readiness) {
    case Readiness::ready:
      return "ready";
    case Readiness::not_ready:
      return "not ready";
    case Readiness::unknown:
      return "unknown";
  }
  std::unreachable();
}

void Adviser::add(const Reported& reported) {
  if (!reported.whose.is_ours()) {
    ReportedSessions sessions;
    sessions.add(reported.policy);
    return others_.add(reported.policy.policy_domain, sessions, reported.head.organization_name);
  }
  if (!evidence_.add(reported)) return;
  if (reported.policy.failed_sessions == 0 && reported.policy.failure_details.empty()) return;
  failures_[evidence_.report_filter().reporter_of(reported)].add(reported.policy);
}

void Adviser::add(const store::SessionClass& of, const store::ClassCount& count) {
  evidence_.add_seen(of.day, count.total.sessions);
  const auto found = count.recipient_domains.find(domain_);
  if (found == count.recipient_domains.end()) return;
  const std::uint64_t sessions = found->second.sessions;
  if (of.outcome == session::Outcome::plaintext) {
    plaintext_ += sessions;
    senders_[sender_of(of)].plaintext += sessions;
  } else if (of.outcome == session::Outcome::tls) {
    versions_[of.tls_version] += sessions;
    if (of.tls_version != known_versions.back()) senders_[sender_of(of)].versions[of.tls_version] += sessions;
  }
}

bool Adviser::is_tolerable(std::uint64_t part, std::uint64_t whole) const {
  return 100.0 * static_cast<double>(part) <= settings_.tolerance * static_cast<double>(whole);
}

// Sources one by one, as evidence.h says.
struct Adviser::Judged {
  ReportedSessions sessions;
  std::map<std::string, ReportedSessions> reporters;
  std::set<Day> days;
  bool has_sts = false;
  std::optional<Evidence> worst;  // of the sources with more failures than are tolerated
  std::vector<Implausible> implausible;
};

Adviser::Judged Adviser::judged() const {
  Judged judged{.implausible = evidence_.implausible()};
  const auto share_of = [](const ReportedSessions& sessions) {
    return static_cast<double>(sessions.failed) / static_cast<double>(sessions.all());
  };
  for (const Evidence& evidence : evidence_.evidence()) {
    const ReportedSessions& sessions = evidence.sessions;
    judged.sessions.add(sessions.successful, sessions.failed);
    judged.reporters[evidence.reporter].add(sessions.successful, sessions.failed);
    judged.days.insert(evidence.days.begin(), evidence.days.end());
    judged.has_sts = judged.has_sts || evidence.has_sts;
    if (is_tolerable(sessions)) continue;
    if (!judged.worst || share_of(sessions) > share_of(judged.worst->sessions)) judged.worst = evidence;
  }
  return judged;
}

std::uint64_t Adviser::encrypted() const {
  std::uint64_t sum = 0;
  for (const auto& [version, sessions] : versions_) sum += sessions;
  return sum;
}

std::vector<AffectedSender> Adviser::reporters_with_failures(const Judged& judged) const {
  std::vector<AffectedSender> affected;
  for (const auto& [name, sessions] : judged.reporters) {
    if (sessions.failed == 0) continue;
    const auto failures = failures_.find(name);
    affected.push_back({.sender = name,
                        .sessions = sessions.failed,
                        .what = failures == failures_.end() ? "" : in_words(failures->second)});
  }
  sort_by_sessions(affected);
  return affected;
}

std::vector<std::string> Adviser::remarks(const Judged& judged) const {
  std::vector<std::string> remarks;
  const bool only_authenticated = evidence_.report_filter().only_authenticated();
  if (const std::string uncounted = evidence_.report_filter().in_words(); !uncounted.empty())
    remarks.push_back(uncounted + ".");
  for (const Implausible& one : judged.implausible | std::views::take(max_implausible)) {
    remarks.push_back(fmt::format(
        "Implausible: {}. {}", one.in_words(),
        only_authenticated ? "Does each of our MX hosts record here?" : "This report does not count."));
  }
  if (judged.implausible.size() > max_implausible)
    remarks.push_back(fmt::format("Implausible: {} more.", judged.implausible.size() - max_implausible));
  if (!others_.empty()) remarks.push_back(fmt::format("Not counted: reports {}.", others_.in_words()));
  if (!only_authenticated && !judged.reporters.empty()) {
    remarks.emplace_back(
        "These reports are not authenticated, and anybody can send some: see trusted_authserv_ids in "
        "tlsrpt.toml(5).");
  }
  return remarks;
}

EnforceAdvice Adviser::enforce() const {
  const Judged judged = this->judged();
  EnforceAdvice advice{.reason = {},
                       .sessions = judged.sessions,
                       .reporters = judged.reporters.size(),
                       .days = judged.days.size(),
                       .affected = reporters_with_failures(judged),
                       .remarks = remarks(judged),
                       .others = others_};
  const auto [all, failed] = std::pair(advice.sessions.all(), advice.sessions.failed);
  if (all == 0) {
    advice.reason = "no received report tells of sessions to this domain";
    return advice;
  }
  const std::uint64_t wanted = std::min(settings_.min_days, days_in_window_);
  // Our own sessions can outweigh a few failures; what others report cannot.
  const std::uint64_t own = encrypted();
  const bool is_small = own > 0 && is_tolerable(failed, saturated_sum(failed, own));
  const auto doubtful = std::ranges::find_if(judged.implausible, [&](const Implausible& one) {
    return !evidence_.report_filter().only_authenticated() && !is_tolerable(one.reported);
  });
  advice.readiness = Readiness::not_ready;
  if (judged.worst && !is_small) {
    const ReportedSessions& sessions = judged.worst->sessions;
    advice.reason = fmt::format(
        "{} reports that {} of {} failed ({}), and would not have come; each reporter is judged by itself",
        judged.worst->reporter.empty() ? "a reporter without a name" : printable(judged.worst->reporter, 200),
        sessions.failed, counted(sessions.all(), "session"), percent(sessions.failed, sessions.all()));
  } else if (!judged.has_sts) {
    advice.reason =
        "no reporter has seen an MTA-STS policy of this domain: publish one in mode testing first";
  } else if (judged.days.size() < wanted) {
    advice.reason = fmt::format("there are reports about {} only; {} are wanted",
                                counted(judged.days.size(), "day"), wanted);
  } else if (doubtful != judged.implausible.end()) {
    advice.readiness = Readiness::unknown;
    advice.reason = fmt::format("{}, and that {} failed: find out whether this report is forged",
                                doubtful->in_words(), doubtful->reported.failed);
  } else {
    advice.readiness = Readiness::ready;
    advice.reason =
        fmt::format("{} of {} reported failed ({}), by {} on {}", failed, counted(all, "session"),
                    percent(failed, all), counted(advice.reporters, "reporter"), counted(advice.days, "day"));
  }
  return advice;
}

PlaintextAdvice Adviser::plaintext() const {
  PlaintextAdvice advice{.sessions = plaintext_, .plaintext = plaintext_};
  for (const auto& [version, sessions] : versions_) advice.sessions += sessions;
  for (const auto& [name, sender] : senders_) {
    if (sender.plaintext > 0)
      advice.affected.push_back({.sender = name, .sessions = sender.plaintext, .what = {}});
  }
  sort_by_sessions(advice.affected);
  if (advice.sessions == 0) {
    advice.reason = "no session with a recipient in this domain was recorded";
    return advice;
  }
  advice.readiness = is_tolerable(plaintext_, advice.sessions) ? Readiness::ready : Readiness::not_ready;
  advice.reason = fmt::format("{} of {} with mail came in plaintext ({})", plaintext_,
                              counted(advice.sessions, "session"), percent(plaintext_, advice.sessions));
  return advice;
}

// Versions that are not known count as the lowest.
VersionAdvice Adviser::version() const {
  std::uint64_t whole = 0;
  for (const auto& [version, sessions] : versions_) whole += sessions;
  if (whole == 0) {
    return {.least = {},
            .reason = "no encrypted session with a recipient in this domain was recorded",
            .affected = {}};
  }
  const auto rank_of = [](const std::string& version) {
    const auto found = std::ranges::find(known_versions, version);
    return found == known_versions.end() ? 0 : found - known_versions.begin();
  };
  const auto below = [&](std::ptrdiff_t rank, const auto& versions) {
    std::uint64_t sum = 0;
    for (const auto& [version, sessions] : versions) sum += rank_of(version) < rank ? sessions : 0;
    return sum;
  };
  std::ptrdiff_t least = 0;
  while (least + 1 < std::ssize(known_versions) && is_tolerable(below(least + 1, versions_), whole)) ++least;
  VersionAdvice advice{
      .least = std::string(known_versions[static_cast<std::size_t>(least)]), .reason = {}, .affected = {}};
  const std::uint64_t hit = below(least, versions_);
  advice.reason = fmt::format("{} of {} had a lower version ({})", hit, counted(whole, "encrypted session"),
                              percent(hit, whole));
  if (least + 1 == std::ssize(known_versions)) return advice;
  for (const auto& [name, sender] : senders_) {
    const std::uint64_t sessions = below(least + 1, sender.versions);
    if (sessions > 0) advice.affected.push_back({.sender = name, .sessions = sessions, .what = {}});
  }
  sort_by_sessions(advice.affected);
  const std::uint64_t next = below(least + 1, versions_);
  advice.reason += fmt::format("; {} would be too much to ask of {} ({})",
                               known_versions[static_cast<std::size_t>(least) + 1], counted(next, "session"),
                               percent(next, whole));
  return advice;
}

Advice Adviser::advice() const {
  return {.enforce = enforce(), .plaintext = plaintext(), .version = version()};
}

}  // namespace starttls::report
