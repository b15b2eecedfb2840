// From figures to advice: what an operator reads before a policy is set to enforce, or TLS is required.
#include "report/advice.h"

#include "base/text.h"
#include "figures.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::report::test;
using session::Outcome;

namespace {

struct EnforceCase {
  std::string why;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  int days = 7;           // with a report of these figures in all
  std::uint64_t own = 0;  // sessions with TLS that our MX hosts saw
  std::string policy_type = "sts";
  Readiness expected = Readiness::ready;
};

// The figures of all days come in the report of the first; the other days have reports without sessions.
EnforceAdvice enforce(const EnforceCase& one, const AdviceSettings& settings = {},
                      std::uint64_t days_in_window = 28) {
  Adviser adviser(settings, our_domain, days_in_window, false);
  for (int number = 0; number < one.days; ++number) {
    const bool is_first = number == 0;
    adviser.add(reported({.report = number + 1,
                          .day = number,
                          .successful = is_first ? one.successful : 0,
                          .failed = is_first ? one.failed : 0,
                          .policy_type = one.policy_type}));
  }
  if (one.own > 0) {
    const auto [sessions, count] = seen({.sessions = one.own});
    adviser.add(sessions, count);
  }
  return adviser.advice().enforce;
}

PlaintextAdvice plaintext(std::uint64_t with_tls, std::uint64_t in_plaintext) {
  Adviser adviser({}, our_domain, 28, false);
  const auto add = [&](Outcome outcome, std::uint64_t number) {
    if (number == 0) return;
    const auto [sessions, count] = seen({.outcome = outcome, .sessions = number});
    adviser.add(sessions, count);
  };
  add(Outcome::tls, with_tls);
  add(Outcome::plaintext, in_plaintext);
  return adviser.advice().plaintext;
}

using Versions = std::vector<std::pair<std::string, std::uint64_t>>;

VersionAdvice version(const Versions& versions, double tolerance = AdviceSettings().tolerance) {
  Adviser adviser({.tolerance = tolerance}, our_domain, 28, false);
  for (const auto& [name, number] : versions) {
    const auto [sessions, count] =
        seen({.sessions = number, .tls_version = name, .client = to_lower(name) + ".sender.test"});
    adviser.add(sessions, count);
  }
  return adviser.advice().version;
}

}  // namespace

TEST_CASE("a domain may enforce if at most one session in a thousand would be lost") {
  const std::vector<EnforceCase> cases{
      {.why = "no failure at all", .successful = 1, .expected = Readiness::ready},
      {.why = "exactly one in a thousand", .successful = 999, .failed = 1, .expected = Readiness::ready},
      {.why = "one in 999", .successful = 998, .failed = 1, .expected = Readiness::not_ready},
      {.why = "ten in ten thousand", .successful = 9'990, .failed = 10, .expected = Readiness::ready},
      {.why = "eleven in ten thousand", .successful = 9'989, .failed = 11, .expected = Readiness::not_ready},
      {.why = "nothing but failures", .failed = 1, .expected = Readiness::not_ready},
      {.why = "no session at all", .expected = Readiness::unknown},
  };
  for (const EnforceCase& one : cases) {
    CAPTURE(one.why);
    CHECK(enforce(one).readiness == one.expected);
  }
}

TEST_CASE("the tolerance is a setting, from no lost session to all of them") {
  const EnforceCase half{.why = {}, .successful = 50, .failed = 50};
  CHECK(enforce(half, {.tolerance = 49.9}).readiness == Readiness::not_ready);
  CHECK(enforce(half, {.tolerance = 50}).readiness == Readiness::ready);
  const EnforceCase one{.why = {}, .successful = 1'000'000, .failed = 1};
  CHECK(enforce(one, {.tolerance = 0}).readiness == Readiness::not_ready);
  CHECK(enforce({.why = {}, .successful = 1'000'000}, {.tolerance = 0}).readiness == Readiness::ready);
}

TEST_CASE(
    "a domain may enforce once there are reports about seven days, or about all days of a shorter time") {
  const EnforceCase six{.why = {}, .successful = 100, .days = 6};
  const EnforceCase seven{.why = {}, .successful = 100, .days = 7};
  CHECK(enforce(six).readiness == Readiness::not_ready);
  CHECK(enforce(six).reason == "there are reports about 6 days only; 7 are required");
  CHECK(enforce(seven).readiness == Readiness::ready);
  CHECK(enforce(six, {}, 6).readiness == Readiness::ready);
  CHECK(enforce(six, {.min_days = 6}).readiness == Readiness::ready);
}

TEST_CASE("a domain may not enforce a policy that no reporter has seen") {
  const EnforceAdvice advice = enforce({.why = {}, .successful = 100, .policy_type = "no-policy-found"});
  CHECK(advice.readiness == Readiness::not_ready);
  CHECK(advice.reason.contains("no reporter has seen an MTA-STS policy"));
}

TEST_CASE("failures that others report have little weight compared with many encrypted sessions of our own") {
  const std::vector<EnforceCase> cases{
      {.why = "1 of 10 failed, and we saw 999", .successful = 9, .failed = 1, .own = 999},
      {.why = "we saw 998", .successful = 9, .failed = 1, .own = 998, .expected = Readiness::not_ready},
      {.why = "we saw none", .successful = 9, .failed = 1, .expected = Readiness::not_ready},
  };
  for (const EnforceCase& one : cases) {
    CAPTURE(one.why);
    CHECK(enforce(one).readiness == one.expected);
  }
}

TEST_CASE("the reporter with the highest share of failures is named, and all with failures are listed") {
  Adviser adviser({}, our_domain, 1, false);
  adviser.add(reported({.report = 1, .reporter = "good.test", .successful = 1'000'000}));
  adviser.add(reported({.report = 2,
                        .reporter = "many.test",
                        .successful = 800,
                        .failed = 200,
                        .failures = {{"certificate-expired", 200}}}));
  adviser.add(reported({.report = 3, .reporter = "worst.test", .successful = 50, .failed = 50}));
  const EnforceAdvice advice = adviser.advice().enforce;
  CHECK(advice.readiness == Readiness::not_ready);
  CHECK(advice.reason.starts_with("worst.test reports that 50 of 100 sessions failed (50.0%)"));
  CHECK(advice.reporters == 3);
  REQUIRE(advice.affected.size() == 2);
  CHECK(advice.affected[0].sender == "many.test");
  CHECK(advice.affected[0].sessions == 200);
  CHECK(advice.affected[0].failures == "certificate-expired");
  CHECK(advice.affected[1].sender == "worst.test");
}

TEST_CASE("plaintext may be refused if at most one session with mail in a thousand is without TLS") {
  struct Case {
    std::uint64_t with_tls;
    std::uint64_t in_plaintext;
    Readiness expected;
  };
  for (const Case& one :
       {Case{1, 0, Readiness::ready}, Case{999, 1, Readiness::ready}, Case{998, 1, Readiness::not_ready},
        Case{0, 1, Readiness::not_ready}, Case{0, 0, Readiness::unknown}}) {
    CAPTURE(one.with_tls, one.in_plaintext);
    const PlaintextAdvice advice = plaintext(one.with_tls, one.in_plaintext);
    CHECK(advice.readiness == one.expected);
    CHECK(advice.sessions == one.with_tls + one.in_plaintext);
    CHECK(advice.affected.size() == (one.in_plaintext > 0 ? 1U : 0U));
  }
}

TEST_CASE("sessions for other domains of ours, and those without mail, do not count for plaintext") {
  Adviser adviser({}, "other.test", 28, false);
  for (const Outcome outcome : {Outcome::plaintext, Outcome::failed, Outcome::no_mail, Outcome::no_helo}) {
    const auto [sessions, count] = seen({.outcome = outcome, .sessions = 1'000});
    adviser.add(sessions, count);
  }
  CHECK(adviser.advice().plaintext.readiness == Readiness::unknown);
  CHECK(adviser.advice().plaintext.sessions == 0);
}

TEST_CASE("the version to require is the highest that at most one encrypted session in a thousand lacks") {
  struct Case {
    Versions versions;
    std::string expected;
  };
  const std::vector<Case> cases{
      {{}, ""},
      {{{"TLSv1.3", 1}}, "TLSv1.3"},
      {{{"TLSv1.3", 999}, {"TLSv1.2", 1}}, "TLSv1.3"},
      {{{"TLSv1.3", 998}, {"TLSv1.2", 1}}, "TLSv1.2"},
      {{{"TLSv1.3", 998}, {"TLSv1.2", 1}, {"TLSv1", 1}}, "TLSv1.2"},
      {{{"TLSv1.3", 500}, {"TLSv1.2", 500}, {"TLSv1.1", 1}}, "TLSv1.2"},
      {{{"TLSv1.3", 499}, {"TLSv1.2", 499}, {"TLSv1.1", 1}}, "TLSv1.1"},
      {{{"TLSv1.3", 1}, {"TLSv1", 1}}, "TLSv1"},
      {{{"TLSv1.3", 1}, {"SSLv3", 1}}, "TLSv1"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.versions);
    CHECK(version(one.versions).version == one.expected);
  }
  CHECK(version({{"TLSv1.3", 1}, {"TLSv1", 1}}, 50).version == "TLSv1.3");
}

TEST_CASE("the senders below the next version are listed, those with the most sessions first") {
  const VersionAdvice advice = version({{"TLSv1.3", 100}, {"TLSv1.2", 20}, {"TLSv1.1", 30}, {"TLSv1", 10}});
  CHECK(advice.version == "TLSv1");
  REQUIRE(advice.affected.size() == 1);
  CHECK(advice.affected[0].sender == "tlsv1.sender.test");
  CHECK(version({{"TLSv1.3", 100}}).affected.empty());
}

TEST_CASE("the answer is yes if the topic asked for is ready, or, for all topics, if nothing is against it") {
  struct Case {
    Readiness enforce;
    Readiness plaintext;
    bool all;
  };
  using enum Readiness;
  for (const Case& one : {Case{ready, ready, true}, Case{ready, unknown, true}, Case{unknown, ready, true},
                          Case{unknown, unknown, false}, Case{ready, not_ready, false},
                          Case{not_ready, ready, false}, Case{not_ready, unknown, false}}) {
    Advice advice;
    advice.enforce.readiness = one.enforce;
    advice.plaintext.readiness = one.plaintext;
    CAPTURE(to_string(one.enforce), to_string(one.plaintext));
    CHECK(is_ready(advice, "all") == one.all);
    CHECK(is_ready(advice, "enforce") == (one.enforce == ready));
    CHECK(is_ready(advice, "tls") == (one.plaintext == ready));
  }
}
