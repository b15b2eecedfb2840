#include "report/alerts.h"

#include <algorithm>
#include <optional>

#include "base/counted.h"
#include "base/text.h"
#include "report/tables.h"
#include "tlsrpt/explanation.h"

namespace starttls::report {
namespace {

bool is_over(std::uint64_t part, std::uint64_t whole, double share) {
  return 100.0 * static_cast<double>(part) > share * static_cast<double>(whole);
}

constexpr std::size_t max_named_domains = 1'000;

std::string shown(const std::string& text) {
  return text.empty() ? "(no name)" : printable(text, 200);
}

std::string first_hosts(const FailureGroup& group) {
  if (group.mx_hosts.empty()) return {};
  std::string text = " at " + shown(group.mx_hosts.begin()->first);
  if (group.mx_hosts.size() > 1) text += fmt::format(" and {} more", group.mx_hosts.size() - 1);
  return text;
}

}  // namespace

void AlertCollection::add_other(const Reported& reported, bool is_recent) {
  const std::string& domain = reported.policy.policy_domain;
  if (!is_recent) {
    if (earlier_others_.size() < max_named_domains) earlier_others_.insert(domain);
    return;
  }
  tlsrpt::ReportedSessions sessions;
  sessions.add(reported.policy);
  others_.add(domain, sessions, earlier_.reporter(reported));
}

bool AlertCollection::counts(const Reported& reported, bool is_recent, bool is_other) {
  if (!is_recent) return earlier_.counts(reported);
  return is_other ? recent_.counts(reported) : recent_.add(reported);
}

// The policy domain, and why it is ours.
std::string AlertCollection::label(const std::string& policy_domain) const {
  const auto found = owners_.find(policy_domain);
  return policy_domain_label(policy_domain, found == owners_.end() ? PolicyOwner() : found->second);
}

void AlertCollection::add(const Reported& reported) {
  const Day day = to_day(reported.head.begin);
  if (day > day_) return;
  const bool is_other = !reported.owner.is_ours();
  if (!counts(reported, is_recent(day), is_other)) return;
  if (is_other) return add_other(reported, is_recent(day));
  if (reported.owner.by != OwnerRule::domain && owners_.size() < max_named_domains)
    owners_.emplace(reported.policy.policy_domain, reported.owner);
  const std::string& reporter = earlier_.reporter(reported);
  reporters_[reporter].insert(day);
  FailureDigest failures;
  failures.add(reported.policy);
  if (is_recent(day)) {
    recent_failures_.add(reporter, failures);
    return;
  }
  for (const auto& [key, group] : failures.groups()) {
    std::set<std::string>& reporters = earlier_failures_[key];
    if (reporters.size() < max_failure_names) reporters.insert(reporter);
  }
}

void AlertCollection::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  if (!is_recent(session_class.day) || session_class.day > day_) return;
  recent_.add_seen(session_class.day, count.total.sessions);
  if (session_class.day != day_) return;
  if (session_class.outcome == session::Outcome::tls) own_.tls += count.total.sessions;
  if (session_class.outcome == session::Outcome::failed) own_.failed += count.total.sessions;
}

void AlertCollection::add(const store::Downgrade& downgrade) {
  if (downgrade.day == day_) downgrades_.push_back(downgrade);
}

// Checks the share over all reports of a domain, and the share of each source separately: so the successes of
// one reporter do not hide the failures of another.
void AlertCollection::check_shares(std::vector<Alert>& alerts) const {
  const auto has_failures = [&](const tlsrpt::ReportedSessions& sessions) {
    return sessions.all() >= settings_.min_sessions &&
           is_over(sessions.failed, sessions.all(), settings_.failure_share);
  };
  struct OfDomain {
    tlsrpt::ReportedSessions all;
    std::optional<Evidence> worst;
  };
  std::map<std::string, OfDomain> domains;
  for (const Evidence& evidence : recent_.evidence()) {
    OfDomain& reported = domains[evidence.policy_domain];
    reported.all.add(evidence.sessions.successful, evidence.sessions.failed);
    const bool is_worse = !reported.worst || evidence.sessions.failed > reported.worst->sessions.failed;
    if (has_failures(evidence.sessions) && is_worse) reported.worst = evidence;
  }
  for (const auto& [domain, reported] : domains) {
    const bool is_all = has_failures(reported.all);
    if (!is_all && !reported.worst) continue;
    const tlsrpt::ReportedSessions& sessions = is_all ? reported.all : reported.worst->sessions;
    const std::string who = is_all ? "others report" : shown(reported.worst->reporter) + " reports";
    alerts.push_back({.kind = "failure-share",
                      .message = fmt::format("{}: {} that {} of {} failed ({}).", label(domain), who,
                                             sessions.failed, counted(sessions.all(), "session"),
                                             percent(sessions.failed, sessions.all()))});
  }
  const std::uint64_t handshakes = own_.tls + own_.failed;
  if (handshakes < settings_.min_sessions || !is_over(own_.failed, handshakes, settings_.failure_share))
    return;
  alerts.push_back(
      {.kind = "handshake-share",
       .message =
           fmt::format("{} of {} with our MX hosts failed ({}); see tlsrpt-report summary --by failure.",
                       own_.failed, counted(handshakes, "TLS handshake"), percent(own_.failed, handshakes))});
}

void AlertCollection::check_evidence(std::vector<Alert>& alerts) const {
  for (const Implausible& one : recent_.implausible()) {
    alerts.push_back({.kind = "implausible-report",
                      .message = one.description() +
                                 ": the report is forged, or most of our MX hosts do not record here."});
  }
  if (const std::string ignored = report_filter().description();
      !ignored.empty() && recent_.evidence().empty()) {
    alerts.push_back(
        {.kind = "not-authenticated",
         .message = ignored + ", and there are no others: see trusted_authserv_ids in tlsrpt.toml(5)."});
  }
}

// Whether all its reporters, or two of them, reported it before. An alert must not be prevented by one
// reporter that reports the failures of others first.
bool AlertCollection::was_reported_before(const FailureDigest::Key& key, const FailureGroup& group) const {
  const auto earlier = earlier_failures_.find(key);
  return earlier != earlier_failures_.end() &&
         (earlier->second.size() > 1 || std::ranges::includes(earlier->second, group.reporters));
}

void AlertCollection::check_failures(std::vector<Alert>& alerts) const {
  for (const auto& entry : recent_failures_.groups()) {
    const auto& key = entry.first;
    const FailureGroup& group = entry.second;
    const std::string& domain = key.first;
    const std::string& type = key.second;
    const tlsrpt::Explanation& explanation = tlsrpt::explain_result_type(type);
    const auto add = [&](std::string_view kind, std::string_view what) {
      alerts.push_back({.kind = std::string(kind),
                        .message = fmt::format("{}: {}, {}{}. {} {}", label(domain), what,
                                               counted(group.sessions, "session"), first_hosts(group),
                                               explanation.meaning, explanation.remedy)});
    };
    if (type == "certificate-expired" && group.sessions >= settings_.expired_sessions) {
      add("certificate-expired", "senders find a certificate expired");
    } else if (!was_reported_before(key, group)) {
      add("new-failure", "a failure that was not reported before: " + printable(type, 200));
    }
  }
}

// Adds an alert if a domain is new, and if more than the share failed.
void AlertCollection::check_others(std::vector<Alert>& alerts) const {
  const auto needs_attention = [&](const auto& other) {
    const auto& [domain, what] = other;
    return !earlier_others_.contains(domain) ||
           is_over(what.sessions.failed, what.sessions.all(), settings_.failure_share);
  };
  if (std::ranges::none_of(others_.domains(), needs_attention)) return;
  alerts.push_back({.kind = "other-domains",
                    .message = fmt::format("There are reports {}. Add those that are yours to domains in "
                                           "tlsrpt.toml(5).",
                                           others_.description())});
}

void AlertCollection::check_reporters(std::vector<Alert>& alerts) const {
  for (const auto& [name, days] : reporters_) {
    const auto earlier =
        static_cast<std::uint64_t>(std::ranges::count_if(days, [&](Day day) { return !is_recent(day); }));
    const bool was_regular = 2 * earlier >= static_cast<std::uint64_t>(alert_baseline.count());
    const auto silent = static_cast<std::uint64_t>((day_ - *days.rbegin()).count());
    if (!was_regular || silent < settings_.silent_days) continue;
    alerts.push_back(
        {.kind = "reporter-silent",
         .message = fmt::format("{} has sent no report about the last {}; it reported {} of {} days before.",
                                shown(name), counted(silent, "day"), earlier, alert_baseline.count())});
  }
}

void AlertCollection::check_downgrades(std::vector<Alert>& alerts) const {
  for (const store::Downgrade& downgrade : downgrades_) {
    alerts.push_back(
        {.kind = "downgrade",
         .message = fmt::format("{} sent {} without TLS, after {} with TLS (at most {}): STARTTLS may have "
                                "been stripped; see tlsrpt-report downgrades.",
                                shown(downgrade.sender), counted(downgrade.sessions, "session"),
                                counted(downgrade.tls_sessions, "session"), shown(downgrade.best_tls))});
  }
}

std::vector<Alert> AlertCollection::alerts() const {
  std::vector<Alert> alerts = found_;
  check_shares(alerts);
  check_evidence(alerts);
  check_failures(alerts);
  check_others(alerts);
  check_reporters(alerts);
  check_downgrades(alerts);
  return alerts;
}

}  // namespace starttls::report
