// From figures to alerts: both sides of each threshold.
#include "report/alerts.h"

#include "figures.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::report::test;
using session::Outcome;

namespace {

constexpr int today = 29;  // the last of the days that are examined
using Kinds = std::vector<std::string>;

struct Watched {
  explicit Watched(AlertSettings settings = {}, bool only_authenticated = false)
      : watch(settings, day(today), only_authenticated) {}

  void add(const ReportedFigures& figures) { watch.add(reported(figures)); }
  void add_seen(const SeenFigures& figures) {
    const auto [sessions, count] = seen(figures);
    watch.add(sessions, count);
  }
  Kinds kinds() const {
    Kinds kinds;
    for (const Alert& alert : watch.alerts()) kinds.push_back(alert.kind);
    return kinds;
  }
  std::string message() const {
    const auto alerts = watch.alerts();
    return alerts.size() == 1 ? alerts[0].message : "";
  }

  AlertCollection watch;
};

Kinds kinds_of(const ReportedFigures& figures, const AlertSettings& settings = {}) {
  Watched watched(settings);
  watched.add(figures);
  return watched.kinds();
}

// A report of each of these days.
Kinds kinds_of_days(const std::vector<int>& days, const AlertSettings& settings = {}) {
  Watched watched(settings);
  for (const int one : days) watched.add({.report = one, .day = one, .successful = 100});
  return watched.kinds();
}

std::vector<int> days_from(int first, int last) {
  std::vector<int> days;
  for (int one = first; one <= last; ++one) days.push_back(one);
  return days;
}

}  // namespace

TEST_CASE("if nothing is reported and nothing failed there is no alert") {
  CHECK(Watched().kinds().empty());
  CHECK(kinds_of({.day = today, .successful = 1'000'000}).empty());
}

TEST_CASE("there is an alert if more than one percent of at least 20 reported sessions failed") {
  struct Case {
    std::string why;
    std::uint64_t successful;
    std::uint64_t failed;
    bool expected;
  };
  const std::vector<Case> cases{
      {"exactly one percent", 99, 1, false},
      {"one in 99", 98, 1, true},
      {"one of 20", 19, 1, true},
      {"one of 19 is too few to say anything", 18, 1, false},
      {"all of 19, likewise", 0, 19, false},
      {"all of 20", 0, 20, true},
  };
  for (const Case& one : cases) {
    CAPTURE(one.why);
    const Kinds expected = one.expected ? Kinds{"failure-share"} : Kinds{};
    Watched watched;
    // Reported before, so that the failure is not new.
    watched.add({.report = 1, .day = 1, .failed = 1});
    watched.add({.report = 2, .day = today, .successful = one.successful, .failed = one.failed});
    CHECK(watched.kinds() == expected);
  }
}

TEST_CASE("the share and the number of sessions that count are settings") {
  const ReportedFigures half{.day = today, .successful = 5, .failed = 5};
  const auto has_share = [&](const AlertSettings& settings) {
    return kinds_of(half, settings) == Kinds{"failure-share", "new-failure"};
  };
  CHECK_FALSE(has_share({}));
  CHECK(has_share({.min_sessions = 10}));
  CHECK_FALSE(has_share({.min_sessions = 11}));
  CHECK(has_share({.failure_share = 49.9, .min_sessions = 10}));
  CHECK_FALSE(has_share({.failure_share = 50, .min_sessions = 10}));
}

TEST_CASE("a reporter with failures is not hidden by the successes of another") {
  Watched watched;
  for (int number = 0; number < 2; ++number) watched.add({.report = number, .day = 1 + number, .failed = 1});
  watched.add({.report = 10, .reporter = "good.test", .day = today, .successful = 1'000'000});
  watched.add({.report = 11, .day = today, .successful = 30, .failed = 10});
  CHECK(watched.kinds() == Kinds{"failure-share"});
  CHECK(watched.message() == "example.test: sender.test reports that 10 of 40 sessions failed (25.0%).");
}

TEST_CASE("only the last two days are examined") {
  for (const auto& [number, expected] :
       {std::pair{today + 1, false}, {today, true}, {today - 1, true}, {today - 2, false}}) {
    CAPTURE(number);
    CHECK(kinds_of({.day = number, .failed = 100}).empty() != expected);
  }
}

TEST_CASE("there is an alert if more than one percent of at least 20 handshakes of the last day failed") {
  struct Case {
    std::uint64_t with_tls;
    std::uint64_t failed;
    int day;
    bool expected;
  };
  for (const Case& one : {Case{99, 1, today, false}, Case{98, 1, today, true}, Case{18, 1, today, false},
                          Case{19, 1, today, true}, Case{0, 20, today, true}, Case{0, 20, today - 1, false},
                          Case{0, 20, today + 1, false}}) {
    CAPTURE(one.with_tls, one.failed, one.day);
    Watched watched;
    if (one.with_tls > 0) watched.add_seen({.day = one.day, .sessions = one.with_tls});
    watched.add_seen({.day = one.day, .outcome = Outcome::failed, .sessions = one.failed});
    // Plaintext is no handshake.
    watched.add_seen({.day = one.day, .outcome = Outcome::plaintext, .sessions = 1'000});
    CHECK(watched.kinds() == (one.expected ? Kinds{"handshake-share"} : Kinds{}));
  }
}

TEST_CASE("a failure is new if no reporter of it, or only another one, reported it before") {
  const auto kinds = [](const std::vector<ReportedFigures>& earlier) {
    Watched watched;
    std::int64_t number = 0;
    for (ReportedFigures one : earlier) {
      one.report = ++number;
      watched.add(one);
    }
    watched.add({.report = ++number,
                 .day = today,
                 .successful = 999,
                 .failed = 1,
                 .failures = {{"certificate-not-trusted", 1}}});
    return watched.kinds();
  };
  const auto failing = [](const std::string& reporter, const std::string& type, int on_day) {
    return ReportedFigures{
        .reporter = reporter, .day = on_day, .successful = 999, .failed = 1, .failures = {{type, 1}}};
  };
  const Kinds is_new{"new-failure"};
  CHECK(kinds({}) == is_new);
  CHECK(kinds({failing("sender.test", "certificate-not-trusted", 3)}).empty());
  CHECK(kinds({failing("sender.test", "CERTIFICATE-NOT-TRUSTED", 3)}).empty());
  CHECK(kinds({failing("sender.test", "certificate-host-mismatch", 3)}) == is_new);
  CHECK(kinds({failing("one.test", "certificate-not-trusted", 3)}) == is_new);
  CHECK(kinds({failing("one.test", "certificate-not-trusted", 3),
               failing("two.test", "certificate-not-trusted", 4)})
            .empty());
}

TEST_CASE("an expired certificate is an alert each time, once enough sessions found it") {
  const auto kinds = [](std::uint64_t sessions, std::uint64_t from) {
    const AlertSettings settings{.failure_share = 100, .expired_sessions = from};
    Watched watched(settings);
    for (const int one : {3, 4, today}) {
      watched.add(
          {.report = one, .day = one, .failed = sessions, .failures = {{"certificate-expired", sessions}}});
    }
    return watched.kinds();
  };
  CHECK(kinds(1, 1) == Kinds{"certificate-expired"});
  CHECK(kinds(4, 5).empty());
  CHECK(kinds(5, 5) == Kinds{"certificate-expired"});
}

TEST_CASE("a reporter of at least every second day is missed after three days without a report") {
  // The 28 days before the last two are the days 0 to 27.
  CHECK(kinds_of_days(days_from(0, today)).empty());
  CHECK(kinds_of_days(days_from(0, today - 2)).empty());
  CHECK(kinds_of_days(days_from(0, today - 3)) == Kinds{"reporter-silent"});
  CHECK(kinds_of_days(days_from(0, today - 3), {.silent_days = 4}).empty());
  CHECK(kinds_of_days(days_from(0, today - 4), {.silent_days = 4}) == Kinds{"reporter-silent"});
  CHECK(kinds_of_days(days_from(0, 13)) == Kinds{"reporter-silent"});
  CHECK(kinds_of_days(days_from(0, 12)).empty());
}

TEST_CASE("a silent reporter is described with its days") {
  Watched watched;
  for (const int one : days_from(0, 20)) watched.add({.report = one, .day = one, .successful = 100});
  CHECK(watched.message() ==
        "sender.test has sent no report about the last 9 days; it reported 21 of 28 days before.");
}

TEST_CASE("more than a hundred times the sessions of all our MX hosts is implausible") {
  const auto kinds = [](std::uint64_t reported_sessions) {
    Watched watched;
    watched.add_seen({.day = today, .sessions = 10});
    watched.add({.day = today, .successful = reported_sessions});
    return watched.kinds();
  };
  CHECK(kinds(1'000).empty());
  CHECK(kinds(1'001) == Kinds{"implausible-report"});
}

TEST_CASE("reports that are not authenticated are an alert if no other arrived") {
  Watched watched({}, true);
  watched.add({.report = 1, .day = today, .successful = 100});
  CHECK(watched.kinds() == Kinds{"not-authenticated"});
  watched.add({.report = 2, .day = today, .successful = 100, .signer = "sender.test"});
  CHECK(watched.kinds().empty());
  CHECK(watched.watch.report_filter().ignored_reports() == 1);
}

TEST_CASE("reports about other domains are an alert once, and as long as too many of their sessions fail") {
  const auto other = [](std::int64_t number, int on_day, std::uint64_t failed) {
    return Reported(reported({.report = number,
                              .day = on_day,
                              .successful = 100 - failed,
                              .failed = failed,
                              .policy_domain = "other.test"}),
                    PolicyOwner{.by = OwnerRule::other, .domains = {}});
  };
  const auto kinds = [&](bool is_old, std::uint64_t failed) {
    Watched watched;
    if (is_old) watched.watch.add(other(1, 3, 0));
    watched.watch.add(other(2, today, failed));
    return watched.kinds();
  };
  const Kinds expected{"other-domains"};
  CHECK(kinds(false, 0) == expected);
  CHECK(kinds(true, 0).empty());
  CHECK(kinds(true, 1).empty());
  CHECK(kinds(true, 2) == expected);
}

TEST_CASE("a downgrade of the last day is an alert") {
  for (const auto& [number, expected] : {std::pair{today - 1, false}, {today, true}, {today + 1, false}}) {
    CAPTURE(number);
    Watched watched;
    store::Downgrade downgrade{.sender = "sender.test", .day = day(number), .sessions = 4};
    downgrade.tls_sessions = 90;
    downgrade.best_tls = "TLSv1.3";
    watched.watch.add(downgrade);
    CHECK(watched.kinds() == (expected ? Kinds{"downgrade"} : Kinds{}));
  }
}
