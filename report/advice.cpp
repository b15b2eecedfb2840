#include "report/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <utility>

#include "base/counted.h"
#include "base/enum_words.h"
#include "base/saturated.h"
#include "base/text.h"
#include "report/summary_figures.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_implausible = 5;  // that are printed

// The lowest first.
constexpr std::array<std::string_view, 4> known_versions{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

constexpr auto readiness_words = enum_words<Readiness>(
    {{Readiness::ready, "ready"}, {Readiness::not_ready, "not ready"}, {Readiness::unknown, "unknown"}});

// "certificate-expired at mx2.example.org, ..."
std::string list_failures(const FailureDigest& failures) {
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

std::string_view to_string(Readiness readiness) {
  return readiness_words.word(readiness);
}

void Adviser::add(const Reported& reported) {
  if (!reported.owner.is_ours()) {
    tlsrpt::ReportedSessions sessions;
    sessions.add(reported.policy);
    return others_.add(reported.policy.policy_domain, sessions, reported.head.organization_name);
  }
  if (!evidence_.add(reported)) return;
  if (reported.policy.failed_sessions == 0 && reported.policy.failure_details.empty()) return;
  failures_[evidence_.report_filter().reporter(reported)].add(reported.policy);
}

void Adviser::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  evidence_.add_seen(session_class.day, count.total.sessions);
  const auto found = count.recipient_domains.find(domain_);
  if (found == count.recipient_domains.end()) return;
  const std::uint64_t sessions = found->second.sessions;
  if (session_class.outcome == session::Outcome::plaintext) {
    plaintext_ += sessions;
    senders_[client_label(session_class)].plaintext += sessions;
  } else if (session_class.outcome == session::Outcome::tls) {
    versions_[session_class.tls_version] += sessions;
    if (session_class.tls_version != known_versions.back())
      senders_[client_label(session_class)].versions[session_class.tls_version] += sessions;
  }
}

bool Adviser::is_tolerable(std::uint64_t part, std::uint64_t whole) const {
  return 100.0 * static_cast<double>(part) <= settings_.tolerance * static_cast<double>(whole);
}

// Each source is checked separately: see evidence.h.
struct Adviser::EvidenceTotals {
  tlsrpt::ReportedSessions sessions;
  std::map<std::string, tlsrpt::ReportedSessions> reporters;
  std::set<Day> days;
  bool has_sts = false;
  std::optional<Evidence> worst;  // of the sources with more failures than are tolerated
  std::vector<Implausible> implausible;
};

Adviser::EvidenceTotals Adviser::totals() const {
  EvidenceTotals totals{.implausible = evidence_.implausible()};
  const auto share_of = [](const tlsrpt::ReportedSessions& sessions) {
    return static_cast<double>(sessions.failed) / static_cast<double>(sessions.all());
  };
  for (const Evidence& evidence : evidence_.evidence()) {
    const tlsrpt::ReportedSessions& sessions = evidence.sessions;
    totals.sessions.add(sessions.successful, sessions.failed);
    totals.reporters[evidence.reporter].add(sessions.successful, sessions.failed);
    totals.days.insert(evidence.days.begin(), evidence.days.end());
    totals.has_sts = totals.has_sts || evidence.has_sts;
    if (is_tolerable(sessions)) continue;
    if (!totals.worst || share_of(sessions) > share_of(totals.worst->sessions)) totals.worst = evidence;
  }
  return totals;
}

std::uint64_t Adviser::encrypted() const {
  std::uint64_t sum = 0;
  for (const auto& [version, sessions] : versions_) sum += sessions;
  return sum;
}

std::vector<AffectedSender> Adviser::reporters_with_failures(const EvidenceTotals& totals) const {
  std::vector<AffectedSender> affected;
  for (const auto& [name, sessions] : totals.reporters) {
    if (sessions.failed == 0) continue;
    const auto failures = failures_.find(name);
    affected.push_back({.sender = name,
                        .sessions = sessions.failed,
                        .failures = failures == failures_.end() ? "" : list_failures(failures->second)});
  }
  sort_by_sessions(affected);
  return affected;
}

std::vector<std::string> Adviser::remarks(const EvidenceTotals& totals) const {
  std::vector<std::string> remarks;
  const bool only_authenticated = evidence_.report_filter().only_authenticated();
  if (const std::string uncounted = evidence_.report_filter().description(); !uncounted.empty())
    remarks.push_back(uncounted + ".");
  for (const Implausible& one : totals.implausible | std::views::take(max_implausible)) {
    remarks.push_back(fmt::format(
        "Implausible: {}. {}", one.description(),
        only_authenticated ? "Does each of our MX hosts record here?" : "This report does not count."));
  }
  if (totals.implausible.size() > max_implausible)
    remarks.push_back(fmt::format("Implausible: {} more.", totals.implausible.size() - max_implausible));
  if (!others_.empty()) remarks.push_back(fmt::format("Not counted: reports {}.", others_.description()));
  if (!only_authenticated && !totals.reporters.empty()) {
    remarks.emplace_back(
        "These reports are not authenticated: anybody can forge them. See trusted_authserv_ids in "
        "tlsrpt.toml(5).");
  }
  return remarks;
}

EnforceAdvice Adviser::enforce() const {
  const EvidenceTotals totals = this->totals();
  EnforceAdvice advice{.reason = {},
                       .sessions = totals.sessions,
                       .reporters = totals.reporters.size(),
                       .days = totals.days.size(),
                       .affected = reporters_with_failures(totals),
                       .remarks = remarks(totals),
                       .others = others_};
  const auto [all, failed] = std::pair(advice.sessions.all(), advice.sessions.failed);
  if (all == 0) {
    advice.reason = "no received report has sessions with this domain";
    return advice;
  }
  const std::uint64_t required_days = std::min(settings_.min_days, days_in_window_);
  // Our own sessions can outweigh a few failures; the successes in reports cannot.
  const std::uint64_t own = encrypted();
  const bool is_small = own > 0 && is_tolerable(failed, saturated_sum(failed, own));
  const auto doubtful = std::ranges::find_if(totals.implausible, [&](const Implausible& one) {
    return !evidence_.report_filter().only_authenticated() && !is_tolerable(one.reported);
  });
  advice.readiness = Readiness::not_ready;
  if (totals.worst && !is_small) {
    const tlsrpt::ReportedSessions& sessions = totals.worst->sessions;
    advice.reason = fmt::format(
        "{} reports that {} of {} failed ({}) and would have been rejected in enforce mode; each reporter is "
        "judged separately",
        totals.worst->reporter.empty() ? "a reporter without a name" : printable(totals.worst->reporter, 200),
        sessions.failed, counted(sessions.all(), "session"), percent(sessions.failed, sessions.all()));
  } else if (!totals.has_sts) {
    advice.reason =
        "no reporter has seen an MTA-STS policy of this domain: publish one in mode testing first";
  } else if (totals.days.size() < required_days) {
    advice.reason = fmt::format("there are reports about {} only; {} are required",
                                counted(totals.days.size(), "day"), required_days);
  } else if (doubtful != totals.implausible.end()) {
    advice.readiness = Readiness::unknown;
    advice.reason = fmt::format("{}, and that {} failed: check whether this report is forged",
                                doubtful->description(), doubtful->reported.failed);
  } else {
    advice.readiness = Readiness::ready;
    advice.reason =
        fmt::format("{} of {} failed ({}), as reported by {} on {}", failed, counted(all, "session"),
                    percent(failed, all), counted(advice.reporters, "reporter"), counted(advice.days, "day"));
  }
  return advice;
}

PlaintextAdvice Adviser::plaintext() const {
  PlaintextAdvice advice{.sessions = plaintext_, .plaintext = plaintext_};
  for (const auto& [version, sessions] : versions_) advice.sessions += sessions;
  for (const auto& [name, sender] : senders_) {
    if (sender.plaintext > 0)
      advice.affected.push_back({.sender = name, .sessions = sender.plaintext, .failures = {}});
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

// Unknown versions count as the lowest.
VersionAdvice Adviser::version() const {
  std::uint64_t whole = 0;
  for (const auto& [version, sessions] : versions_) whole += sessions;
  if (whole == 0) {
    return {.version = {},
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
  std::ptrdiff_t min = 0;
  while (min + 1 < std::ssize(known_versions) && is_tolerable(below(min + 1, versions_), whole)) ++min;
  VersionAdvice advice{
      .version = std::string(known_versions[static_cast<std::size_t>(min)]), .reason = {}, .affected = {}};
  const std::uint64_t lower = below(min, versions_);
  advice.reason = fmt::format("{} of {} had a lower version ({})", lower, counted(whole, "encrypted session"),
                              percent(lower, whole));
  if (min + 1 == std::ssize(known_versions)) return advice;
  for (const auto& [name, sender] : senders_) {
    const std::uint64_t sessions = below(min + 1, sender.versions);
    if (sessions > 0) advice.affected.push_back({.sender = name, .sessions = sessions, .failures = {}});
  }
  sort_by_sessions(advice.affected);
  const std::uint64_t next = below(min + 1, versions_);
  advice.reason +=
      fmt::format("; requiring {} would affect {} ({})", known_versions[static_cast<std::size_t>(min) + 1],
                  counted(next, "session"), percent(next, whole));
  return advice;
}

bool is_ready(const Advice& advice, std::string_view scope) {
  const Readiness enforce = advice.enforce.readiness;
  const Readiness plaintext = advice.plaintext.readiness;
  if (scope == "enforce") return enforce == Readiness::ready;
  if (scope == "tls") return plaintext == Readiness::ready;
  const bool none_against = enforce != Readiness::not_ready && plaintext != Readiness::not_ready;
  return none_against && (enforce == Readiness::ready || plaintext == Readiness::ready);
}

Advice Adviser::advice() const {
  return {.enforce = enforce(), .plaintext = plaintext(), .version = version()};
}

}  // namespace starttls::report
