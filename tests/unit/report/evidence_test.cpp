#include "report/evidence.h"

#include <algorithm>

#include "report/advice.h"
#include "report/alerts.h"
#include "report/reconciliation.h"
#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

namespace {

const Day first_day = good(parse_day("2026-11-01"));
constexpr std::uint64_t huge = 1'000'000'000'000;

// A report about one policy domain and one day; reports differ by their number.
tlsrptdb::ReportedPolicy reported(std::int64_t report, const std::string& reporter, int day,
                                  std::uint64_t successful, std::uint64_t failed = 0,
                                  const std::string& signer = "") {
  tlsrptdb::ReportedPolicy one{.report = report, .signer = signer, .head = {}, .policy = {}};
  one.head.organization_name = reporter;
  one.head.begin = Time(first_day + std::chrono::days(day));
  one.head.contact_info = "tls@" + reporter;
  one.policy.policy_type = "sts";
  one.policy.policy_domain = "example.test";
  one.policy.successful_sessions = successful;
  one.policy.failed_sessions = failed;
  return one;
}

// Sessions with TLS and mail for example.test.
std::pair<store::SessionClass, store::ClassCount> seen(int day, std::uint64_t sessions,
                                                       const std::string& client = "mail.sender.test") {
  store::SessionClass of{.day = first_day + std::chrono::days(day), .client_name = client};
  of.outcome = session::Outcome::tls;
  of.tls_version = "TLSv1.3";
  store::ClassCount count;
  count.total = {.sessions = sessions, .messages = sessions};
  count.recipient_domains["example.test"] = count.total;
  return {of, count};
}

// The data of 28 days in which "honest" reports 100 sessions a day.
struct Case {
  explicit Case(bool only_authenticated = false)
      : adviser({}, "example.test", 28, only_authenticated),
        watch({}, first_day + std::chrono::days(27), only_authenticated) {}

  void add(const tlsrptdb::ReportedPolicy& one) {
    adviser.add(one);
    watch.add(one);
  }
  void add_seen(int day, std::uint64_t sessions) {
    const auto [of, count] = seen(day, sessions);
    adviser.add(of, count);
    watch.add(of, count);
  }
  void add_honest(std::uint64_t failed = 0, const std::string& signer = "") {
    for (int day = 0; day < 28; ++day) add(reported(++last, "honest", day, 100 - failed, failed, signer));
  }
  Readiness readiness() const { return adviser.advice().enforce.readiness; }
  std::string remarks() const {
    std::string all;
    for (const std::string& remark : adviser.advice().enforce.remarks) all += remark + "\n";
    return all;
  }
  std::vector<std::string> kinds() const {
    std::vector<std::string> all;
    for (const Alert& alert : watch.alerts()) all.push_back(alert.kind);
    return all;
  }

  Adviser adviser;
  AlertCollection watch;
  std::int64_t last = 0;
};

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE("no number of forged successes makes failures tolerable") {
  for (const int forged : {0, 1, 2, 100}) {
    for (const char* name : {"evil", "honest"}) {
      Case all;
      all.add_honest(5);
      for (int at = 0; at < forged; ++at) all.add(reported(++all.last, name, at % 28, huge));
      CAPTURE(forged, name);
      CHECK(all.readiness() == Readiness::not_ready);
      // The daily mail reports them, too.
      const Kinds kinds = all.kinds();
      CHECK(std::ranges::count(kinds, "failure-share") == 1);
    }
  }
}

TEST_CASE("a reporter without failures is sufficient, and failures of one are reported with its name") {
  Case all;
  all.add_honest();
  CHECK(all.readiness() == Readiness::ready);
  all.add(reported(++all.last, "other", 3, 60, 40));
  CHECK(all.readiness() == Readiness::not_ready);
  CHECK(all.adviser.advice().enforce.reason.starts_with(
      "other reports that 40 of 100 sessions failed (40.0%)"));
}

TEST_CASE("our own sessions outweigh a few failures") {
  Case all;
  all.add_honest();
  all.add(reported(++all.last, "small", 3, 9, 1));
  CHECK(all.readiness() == Readiness::not_ready);
  for (int day = 0; day < 28; ++day) all.add_seen(day, 1000);
  CHECK(all.readiness() == Readiness::ready);
  all.add(reported(++all.last, "large", 3, 900, 100));
  CHECK(all.readiness() == Readiness::not_ready);
}

TEST_CASE("figures that contradict our own sessions are reported and decide nothing") {
  Case all;
  all.add_honest();
  for (int day = 0; day < 28; ++day) all.add_seen(day, 120);
  CHECK(all.readiness() == Readiness::ready);
  CHECK_FALSE(all.remarks().contains("Implausible"));
  // Exactly a hundred times as many is possible.
  all.add(reported(++all.last, "many", 27, 12'000));
  CHECK_FALSE(all.remarks().contains("Implausible"));
  all.add(reported(++all.last, "forged", 27, huge));
  CHECK(all.readiness() == Readiness::ready);
  CHECK(all.remarks().contains(
      "Implausible: forged reports 1000000000000 sessions with example.test on 2026-11-28, where "
      "all our MX hosts saw 120. This report does not count."));
  CHECK(all.adviser.advice().enforce.sessions.all() < huge);
  CHECK(all.kinds() == Kinds{"implausible-report"});
  // Forged failures do not decide either; but they may be true, so that it is not ready any more.
  all.add(reported(++all.last, "forged", 20, 0, huge));
  CHECK(all.readiness() == Readiness::unknown);
}

TEST_CASE("once authentication is required only authenticated reports count, and the others are counted") {
  Case all(true);
  all.add_honest(5, "honest.test");
  for (int at = 0; at < 3; ++at) all.add(reported(++all.last, at == 0 ? "honest" : "evil", at, huge));
  CHECK(all.readiness() == Readiness::not_ready);
  CHECK(all.remarks() == "3 reports of 2 reporters are not authenticated and do not count.\n");
  CHECK(all.adviser.advice().enforce.reporters == 1);
  CHECK(all.adviser.advice().enforce.affected[0].sender == "honest.test");

  Case none(true);
  none.add_honest();
  none.add(reported(++none.last, "evil", 27, 0, 100));
  CHECK(none.readiness() == Readiness::unknown);
  CHECK(none.kinds() == Kinds{"not-authenticated"});
}

TEST_CASE("an authenticated reporter hides no failures of others, and none under another's name") {
  Case all(true);
  all.add_honest(5, "honest.test");
  for (int day = 0; day < 28; ++day) all.add(reported(++all.last, "honest", day, huge, 0, "evil.test"));
  CHECK(all.readiness() == Readiness::not_ready);
}

TEST_CASE("one reporter alone does not make the failures of others old ones") {
  const auto failing = [](std::int64_t report, const std::string& name, int day) {
    tlsrptdb::ReportedPolicy one = reported(report, name, day, 999, 1);
    one.policy.failure_details = {{.result_type = "validation-failure", .failed_session_count = 1}};
    return one;
  };
  Case all;
  all.add(failing(1, "evil", 3));
  all.add(failing(2, "honest", 27));
  CHECK(all.kinds() == Kinds{"new-failure"});
  all.add(failing(3, "other", 4));
  CHECK(all.kinds().empty());
}

TEST_CASE("sums of reports do not wrap around") {
  Case all;
  for (int day = 0; day < 28; ++day)
    all.add(reported(++all.last, "evil", day, std::numeric_limits<std::uint64_t>::max(),
                     std::numeric_limits<std::uint64_t>::max()));
  CHECK(all.adviser.advice().enforce.sessions.all() == max_count);
  CHECK(all.readiness() == Readiness::not_ready);
  ReceivedFigures figures;
  figures.add(reported(1, "a", 1, max_count, max_count));
  figures.add(reported(2, "a", 1, 5, 5));
  CHECK(figures.total().all() == max_count);
}

TEST_CASE("reconcile reports implausible figures, and compares signed reports only with their own sessions") {
  const auto owner = [](const std::string& name) {
    return name.ends_with("honest.test") ? "honest.test" : name.ends_with("evil.test") ? "evil.test" : "";
  };
  const auto finding = [&](bool only_authenticated, const tlsrptdb::ReportedPolicy& one) {
    const std::vector<config::ReporterDomains> configured;
    Reconciliation reconciliation(configured, owner, only_authenticated);
    reconciliation.add(one);
    const auto [of, count] = seen(1, 100, "mail.honest.test");
    reconciliation.add(of, count);
    const auto comparisons = reconciliation.comparisons(first_day + std::chrono::days(20));
    return comparisons.empty() ? "nothing" : std::string(to_string(comparisons[0].result));
  };
  CHECK(finding(false, reported(1, "honest.test", 1, 100)) == "matches");
  CHECK(finding(false, reported(1, "honest.test", 1, 200)) == "more-reported");
  CHECK(finding(false, reported(1, "honest.test", 1, 10'001)) == "implausible");
  CHECK(finding(true, reported(1, "honest.test", 1, 100)) == "nothing");
  CHECK(finding(true, reported(1, "honest.test", 1, 100, 0, "honest.test")) == "matches");
  CHECK(finding(true, reported(1, "honest.test", 1, 100, 0, "evil.test")) == "unseen");
}
