#include "report/empty_result.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

namespace {

Day day(const char* text) {
  return parse_day(text).value();
}

const store::Period week{.since = day("2026-11-21"), .until = day("2026-11-27")};
const std::string state = "/var/lib/starttls-toolkit/tlsrpt";

}  // namespace

TEST_CASE("if no session was ever recorded, the message names what to check") {
  const std::string text = why_no_sessions({}, state, week, std::nullopt);
  CHECK(text.contains("No sessions were ever recorded in " + state));
  CHECK(text.contains("tlsrpt-report doctor"));
  CHECK(why_no_sessions({}, state, week, "example.org") == text);
}

TEST_CASE("if no session is of the days, the nearest day with one is named") {
  const Recorded earlier{.first = day("2026-10-01"), .last = day("2026-11-18")};
  CHECK(why_no_sessions(earlier, state, week, std::nullopt).contains("The last one is of 2026-11-18."));
  const Recorded later{.first = day("2026-12-01"), .last = day("2026-12-03")};
  CHECK(why_no_sessions(later, state, week, std::nullopt).contains("The first one is of 2026-12-01."));
  const Recorded around{.first = day("2026-11-01"), .last = day("2026-12-03")};
  CHECK(why_no_sessions(around, state, week, std::nullopt).contains("from 2026-11-01 to 2026-12-03"));
}

TEST_CASE("if no session is of the policy domain, the existing domains are named") {
  Recorded others{.first = day("2026-11-21"), .last = day("2026-11-27"), .sessions = 1234};
  others.domains = {{"b.test", 1}, {"a.test", 1000}};
  const std::string text = why_no_sessions(others, state, week, "example.org");
  CHECK(
      text.contains("None of the 1234 sessions from 2026-11-21 to 2026-11-27 had an accepted recipient in "
                    "example.org"));
  CHECK(text.contains("There were recipients in a.test, b.test."));
  others.last_of_domain = day("2026-10-30");
  CHECK(
      why_no_sessions(others, state, week, "example.org").contains("the last such session is of 2026-10-30"));
  for (int more = 0; more < 20; ++more) others.domains[std::to_string(more) + ".test"] = 2;
  CHECK(why_no_sessions(others, state, week, "example.org").contains("and 17 more."));
}

TEST_CASE("if there is no report of the days, the newest is named") {
  CHECK(why_no_reports(std::nullopt, week, std::nullopt).contains("was ever read."));
  CHECK(why_no_reports(day("2026-10-30"), week, std::nullopt).contains("the newest is of 2026-10-30"));
  CHECK(why_no_reports(std::nullopt, week, "example.org").contains("about example.org"));
}

TEST_CASE("days are named as one or as a range") {
  CHECK(on_days(week) == "from 2026-11-21 to 2026-11-27");
  CHECK(on_days({.since = week.until, .until = week.until}) == "on 2026-11-27");
}
