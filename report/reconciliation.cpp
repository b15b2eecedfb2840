#include "report/reconciliation.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/domain.h"
#include "base/text.h"

namespace starttls::report {
namespace {

// Organizations whose mail leaves under another domain than the one that their reports come from.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> known_senders{
    {{"microsoft.com", "outlook.com"}, {"fastmail.com", "messagingengine.com"}}};

// Sessions are not counted at the same moments on both sides.
constexpr std::uint64_t min_difference = 3;
constexpr std::uint64_t tolerated_share = 10;  // one in so many

bool is_more(std::uint64_t one, std::uint64_t other) {
  return one > saturated_sum(other, std::max(min_difference, other / tolerated_share));
}

}  // namespace

std::string_view word_of(Finding finding) {
  switch (finding) {
    case Finding::matches:
      return "matches";
    case Finding::implausible:
      return "implausible";
    case Finding::unseen:
      return "unseen";
    case Finding::more_reported:
      return "more-reported";
    case Finding::more_seen:
      return "more-seen";
    case Finding::stripped:
      return "stripped";
    case Finding::plaintext:
      return "plaintext";
    case Finding::no_report:
      return "no-report";
  }
  std::unreachable();
}

std::string_view meaning_of(Finding finding) {
  switch (finding) {
    case Finding::matches:
      return "Both sides tell the same.";
    case Finding::implausible:
      return "It reports more than a hundred times the sessions that all our MX hosts saw on the day: the "
             "report is forged, or most of our MX hosts do not record here.";
    case Finding::unseen:
      return "It reports sessions, and none of its domains was ever seen: it sends under other names (tell "
             "them in "
             "[[reporter]]), its mail goes to an MX host that does not record here, or the report is "
             "spoofed.";
    case Finding::more_reported:
      return "It reports more successful sessions than were seen: an MX host does not record here, or the "
             "report is "
             "spoofed.";
    case Finding::more_seen:
      return "More sessions were seen than it reports: some of its hosts do not report, or a report has not "
             "come.";
    case Finding::stripped:
      return "It missed STARTTLS in sessions that did not come here in plaintext: somebody on the path "
             "strips it and "
             "the sender gave up, or an MX host that does not record here does not offer it.";
    case Finding::plaintext:
      return "It came in plaintext, though it knows TLS here: not all of its hosts use it, or STARTTLS is "
             "stripped on "
             "the way.";
    case Finding::no_report:
      return "It was seen and has not reported the day, though it reports others.";
  }
  std::unreachable();
}

std::set<std::string> sending_domains_of(const tlsrpt::ReportHead& head, const std::string& signer,
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
  if (!reported.whose.is_ours()) {
    ReportedSessions sessions;
    sessions.add(reported.policy);
    return others_.add(reported.policy.policy_domain, sessions, report_filter_.reporter_of(reported));
  }
  Reporter& reporter = reporters_[report_filter_.reporter_of(reported)];
  const std::string signer = report_filter_.only_authenticated() ? reported.signer : "";
  reporter.domains.merge(sending_domains_of(reported.head, signer, configured_, sending_domain_));
  const std::set<std::string>& domains = reported.whose.domains;
  const std::string domain = domains.size() == 1 ? *domains.begin() : reported.policy.policy_domain;
  if (domains.size() > 1) domains_of_names_[domain].insert(domains.begin(), domains.end());
  reporter.policy_domains.insert(domain);
  DaySums& sum = reporter.reported[{to_day(reported.head.begin), domain}];
  sum.sessions.add(reported.policy);
  for (const tlsrpt::FailureDetail& detail : reported.policy.failure_details) {
    if (to_lower(detail.result_type) == "starttls-not-supported")
      add_saturated(sum.without_starttls, detail.failed_session_count);
  }
}

void Reconciliation::add(const store::SessionClass& of, const store::ClassCount& count) {
  add_saturated(seen_on_day_[of.day], count.total.sessions);
  const std::string sender = sending_domain_(of.client_name);
  if (sender.empty()) return;
  seen_domains_.insert(sender);
  if (count.recipient_domains.empty()) without_mail_[{sender, of.day}] += count.total.sessions;
  for (const auto& [domain, tally] : count.recipient_domains) {
    Seen& seen = seen_[{sender, of.day, domain}];
    (of.outcome == session::Outcome::plaintext ? seen.plaintext : seen.tls) += tally.sessions;
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
    comparison.finding = seen > 0 ? Finding::no_report : Finding::matches;
  } else if (const auto all = seen_on_day_.find(day);
             all != seen_on_day_.end() && is_implausible(comparison.reported.all(), all->second)) {
    comparison.finding = Finding::implausible;
  } else if (!was_ever_seen) {
    comparison.finding = comparison.reported.all() > 0 ? Finding::unseen : Finding::matches;
  } else if (is_more(comparison.reported.successful, comparison.seen_tls)) {
    comparison.finding = Finding::more_reported;
  } else if (reported->second.without_starttls > comparison.seen_plaintext + comparison.seen_without_mail) {
    comparison.finding = Finding::stripped;
  } else if (comparison.seen_plaintext > 0) {
    comparison.finding = Finding::plaintext;
  } else if (is_more(comparison.seen_tls, comparison.reported.successful)) {
    comparison.finding = Finding::more_seen;
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
