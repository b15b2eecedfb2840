#include "report/reconciliation.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/domain.h"
#include "base/enum_words.h"
#include "base/text.h"
#include "tlsrpt/policy_domain.h"

namespace starttls::report {
namespace {

// Organizations that send mail from another domain than their reports.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> known_senders{
    {{"microsoft.com", "outlook.com"}, {"fastmail.com", "messagingengine.com"}}};

// The two sides do not count sessions at the same moments.
constexpr std::uint64_t min_difference = 3;
constexpr std::uint64_t tolerated_share = 10;  // one in this many

constexpr auto result_words =
    enum_words<ComparisonResult>({{ComparisonResult::matches, "matches"},
                                  {ComparisonResult::implausible, "implausible"},
                                  {ComparisonResult::unseen, "unseen"},
                                  {ComparisonResult::more_reported, "more-reported"},
                                  {ComparisonResult::more_seen, "more-seen"},
                                  {ComparisonResult::stripped, "stripped"},
                                  {ComparisonResult::plaintext, "plaintext"},
                                  {ComparisonResult::no_report, "no-report"}});

bool is_more(std::uint64_t one, std::uint64_t other) {
  return one > saturated_sum(other, std::max(min_difference, other / tolerated_share));
}

}  // namespace

std::string_view to_string(ComparisonResult result) {
  return result_words.word(result);
}

std::string_view meaning(ComparisonResult result) {
  switch (result) {
    case ComparisonResult::matches:
      return "Both sides have the same number of sessions.";
    case ComparisonResult::implausible:
      return "It reports more than a hundred times the sessions that all our MX hosts saw on the day: the "
             "report is forged, or most of our MX hosts do not record here.";
    case ComparisonResult::unseen:
      return "It reports sessions, and none of its sending domains was seen here: it sends under other "
             "domains "
             "(list them in [[reporter]]), its mail goes to an MX host that does not record here, or the "
             "report "
             "is spoofed.";
    case ComparisonResult::more_reported:
      return "It reports more successful sessions than were seen: an MX host does not record here, or the "
             "report is spoofed.";
    case ComparisonResult::more_seen:
      return "More sessions were seen than it reports: some of its hosts do not report, or a report is "
             "missing.";
    case ComparisonResult::stripped:
      return "It missed STARTTLS in sessions that did not come here in plaintext: somebody on the path "
             "strips it and the sender gave up, or an MX host does not always offer it, or one that does not "
             "record here never does.";
    case ComparisonResult::plaintext:
      return "It sent mail in plaintext, although it uses TLS otherwise: not all of its hosts use TLS, or "
             "STARTTLS "
             "is stripped on the path.";
    case ComparisonResult::no_report:
      return "It was seen and has not reported the day, although it reports other days.";
  }
  std::unreachable();
}

std::set<std::string> sending_domains(const tlsrpt::ReportHead& head, const std::string& signer,
                                      const std::vector<config::ReporterDomains>& configured,
                                      const store::SendingDomainFinder& sending_domain) {
  std::set<std::string> domains;
  for (const config::ReporterDomains& one : configured) {
    if (one.name != head.organization_name && (signer.empty() || one.name != signer)) continue;
    for (const DomainName& domain : one.domains) domains.insert(domain.str());
  }
  if (!domains.empty()) return domains;
  const auto behind_at = [](std::string_view text) {
    const auto at = text.rfind('@');
    return at == std::string_view::npos ? std::string_view() : trim(text.substr(at + 1));
  };
  const std::array<std::string_view, 3> claimed{behind_at(head.contact_info), behind_at(head.report_id),
                                                head.organization_name};
  const std::array<std::string_view, 1> proven{signer};
  for (const std::string_view text : signer.empty() ? std::span<const std::string_view>(claimed)
                                                    : std::span<const std::string_view>(proven)) {
    const auto domain = DomainName::parse(text);
    if (!domain || !domain->str().contains('.')) continue;
    const std::string registrable = sending_domain(domain->str());
    if (!registrable.empty()) domains.insert(registrable);
  }
  for (const auto& [reporter, sender] : known_senders) {
    if (domains.contains(std::string(reporter))) domains.insert(std::string(sender));
  }
  return domains;
}

void Reconciliation::add(const Reported& reported) {
  if (!report_filter_.counts(reported)) return;
  if (!reported.owner.is_ours()) {
    tlsrpt::ReportedSessions sessions;
    sessions.add(reported.policy);
    return others_.add(reported.policy.policy_domain, sessions, report_filter_.reporter(reported));
  }
  Reporter& reporter = reporters_[report_filter_.reporter(reported)];
  const std::string signer = report_filter_.only_authenticated() ? reported.signer : "";
  reporter.domains.merge(sending_domains(reported.head, signer, configured_, sending_domain_));
  const std::set<std::string>& domains = reported.owner.domains;
  const std::string domain = domains.size() == 1 ? *domains.begin() : reported.policy.policy_domain;
  if (domains.size() > 1) domains_of_names_[domain].insert(domains.begin(), domains.end());
  reporter.policy_domains.insert(domain);
  DaySums& sum = reporter.reported[{to_day(reported.head.begin), domain}];
  sum.sessions.add(reported.policy);
  for (const tlsrpt::FailureDetail& detail : reported.policy.failure_details) {
    if (to_lower(detail.result_type) != "starttls-not-supported") continue;
    add_saturated(sum.without_starttls, detail.failed_session_count);
    const std::string host = tlsrpt::normalise_policy_domain(detail.receiving_mx_hostname);
    if (offering_.contains({to_day(reported.head.begin), host}))
      add_saturated(sum.stripped, detail.failed_session_count);
  }
}

void Reconciliation::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  add_saturated(seen_on_day_[session_class.day], count.total.sessions);
  if (session_class.outcome == session::Outcome::tls || session_class.outcome == session::Outcome::failed)
    offering_.emplace(session_class.day, tlsrpt::normalise_policy_domain(session_class.receiving_mx));
  const std::string sender = sending_domain_(session_class.client_name);
  if (sender.empty()) return;
  seen_domains_.insert(sender);
  if (count.recipient_domains.empty()) without_mail_[{sender, session_class.day}] += count.total.sessions;
  for (const auto& [domain, tally] : count.recipient_domains) {
    Seen& seen = seen_[{sender, session_class.day, domain}];
    (session_class.outcome == session::Outcome::plaintext ? seen.plaintext : seen.tls) += tally.sessions;
  }
}

Comparison Reconciliation::compare(const std::string& name, const Reporter& reporter, Day day,
                                   const std::string& policy_domain) const {
  Comparison comparison{.day = day, .reporter = name, .policy_domain = policy_domain, .reported = {}};
  const auto reported = reporter.reported.find({day, policy_domain});
  if (reported != reporter.reported.end()) comparison.reported = reported->second.sessions;
  bool was_ever_seen = false;
  const auto several = domains_of_names_.find(policy_domain);
  const std::set<std::string> domains =
      several == domains_of_names_.end() ? std::set<std::string>{policy_domain} : several->second;
  for (const std::string& sender : reporter.domains) {
    was_ever_seen = was_ever_seen || seen_domains_.contains(sender);
    for (const std::string& domain : domains) {
      const auto seen = seen_.find({sender, day, domain});
      if (seen == seen_.end()) continue;
      comparison.seen_tls += seen->second.tls;
      comparison.seen_plaintext += seen->second.plaintext;
    }
    if (const auto seen = without_mail_.find({sender, day}); seen != without_mail_.end())
      comparison.seen_without_mail += seen->second;
  }
  const std::uint64_t seen = comparison.seen_tls + comparison.seen_plaintext;
  if (reported == reporter.reported.end()) {
    comparison.result = seen > 0 ? ComparisonResult::no_report : ComparisonResult::matches;
  } else if (const auto all = seen_on_day_.find(day);
             all != seen_on_day_.end() && is_implausible(comparison.reported.all(), all->second)) {
    comparison.result = ComparisonResult::implausible;
  } else if (!was_ever_seen) {
    comparison.result = comparison.reported.all() > 0 ? ComparisonResult::unseen : ComparisonResult::matches;
  } else if (is_more(comparison.reported.successful, comparison.seen_tls)) {
    comparison.result = ComparisonResult::more_reported;
  } else if (reported->second.stripped > comparison.seen_plaintext ||
             reported->second.without_starttls > comparison.seen_plaintext + comparison.seen_without_mail) {
    comparison.result = ComparisonResult::stripped;
  } else if (comparison.seen_plaintext > 0) {
    comparison.result = ComparisonResult::plaintext;
  } else if (is_more(comparison.seen_tls, comparison.reported.successful)) {
    comparison.result = ComparisonResult::more_seen;
  }
  return comparison;
}

std::vector<Comparison> Reconciliation::comparisons(Day last_reported) const {
  std::vector<Comparison> all;
  std::set<Day> days;
  for (const auto& [key, seen] : seen_) days.insert(std::get<1>(key));
  for (const auto& [name, reporter] : reporters_) {
    std::set<std::pair<Day, std::string>> pairs;
    for (const auto& [key, reported] : reporter.reported) pairs.insert(key);
    for (const Day day : days) {
      for (const std::string& domain : reporter.policy_domains) {
        if (day <= last_reported) pairs.emplace(day, domain);
      }
    }
    for (const auto& [day, domain] : pairs) {
      Comparison comparison = compare(name, reporter, day, domain);
      const bool says_nothing =
          comparison.reported.all() == 0 && comparison.seen_tls == 0 && comparison.seen_plaintext == 0;
      if (!says_nothing) all.push_back(std::move(comparison));
    }
  }
  std::ranges::stable_sort(all, {}, &Comparison::day);
  return all;
}

}  // namespace starttls::report
