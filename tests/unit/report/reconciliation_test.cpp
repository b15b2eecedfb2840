// From the figures of a reporter and of our MX hosts to one word for the difference.
#include "report/reconciliation.h"

#include "figures.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::report::test;
using session::Outcome;

namespace {

constexpr int reported_day = 3;
constexpr int last_day = 20;

// The last two labels.
std::string registrable(const std::string& name) {
  const auto dot = name.rfind('.');
  if (dot == std::string::npos) return {};
  const auto before = name.rfind('.', dot - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

struct Side {
  std::uint64_t tls = 0;
  std::uint64_t plaintext = 0;
  std::uint64_t without_mail = 0;
};

struct Case {
  std::string why;
  std::uint64_t successful = 0;
  std::uint64_t without_starttls = 0;  // failed for this reason, by the report
  Side seen;
  std::string expected = "matches";
  std::string missed_at = {};  // the MX host without STARTTLS, by the report
};

void add_seen(Reconciliation& reconciliation, const SeenFigures& figures) {
  if (figures.sessions == 0) return;
  const auto [sessions, count] = seen(figures);
  reconciliation.add(sessions, count);
}

std::vector<Comparison> comparisons(const Case& one) {
  static const std::vector<config::ReporterDomains> configured;
  Reconciliation reconciliation(configured, registrable, false);
  ReportedFigures figures{.day = reported_day,
                          .successful = one.successful,
                          .failed = one.without_starttls,
                          .failed_at = one.missed_at};
  if (one.without_starttls > 0) figures.failures = {{"starttls-not-supported", one.without_starttls}};
  add_seen(reconciliation, {.day = reported_day, .sessions = one.seen.tls});
  add_seen(reconciliation,
           {.day = reported_day, .outcome = Outcome::plaintext, .sessions = one.seen.plaintext});
  add_seen(reconciliation,
           {.day = reported_day, .outcome = Outcome::no_mail, .sessions = one.seen.without_mail});
  reconciliation.add(reported(figures));
  return reconciliation.comparisons(day(last_day));
}

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.why);
    const auto found = comparisons(one);
    REQUIRE(found.size() == 1);
    CHECK(to_string(found[0].result) == one.expected);
    CHECK(found[0].reported.successful == one.successful);
    CHECK(found[0].seen_tls == one.seen.tls);
    CHECK(found[0].seen_plaintext == one.seen.plaintext);
    CHECK(found[0].seen_without_mail == one.seen.without_mail);
  }
}

}  // namespace

TEST_CASE("both sides match within three sessions, or a tenth if that is more") {
  check({
      {"the same", 100, 0, {.tls = 100}},
      {"a tenth more reported", 110, 0, {.tls = 100}},
      {"more than a tenth", 111, 0, {.tls = 100}, "more-reported"},
      {"a tenth more seen", 100, 0, {.tls = 110}},
      {"more than a tenth", 100, 0, {.tls = 111}, "more-seen"},
      {"three more reported than few", 8, 0, {.tls = 5}},
      {"four more reported", 9, 0, {.tls = 5}, "more-reported"},
      {"three more seen than few", 5, 0, {.tls = 8}},
      {"four more seen", 5, 0, {.tls = 9}, "more-seen"},
  });
}

TEST_CASE("a reporter with sessions, of which none was ever seen, is unseen") {
  check({
      {"it reports some", 1, 0, {}, "unseen"},
      {"it was seen in plaintext only", 1, 0, {.plaintext = 1}, "plaintext"},
      {"it was seen in a failed handshake only", 1, 0, {.without_mail = 1}, "matches"},
  });
}

TEST_CASE("STARTTLS is stripped if a reporter missed it in more sessions than arrived here without TLS") {
  check({
      {"nine missed it, and none came so", 100, 9, {.tls = 100}, "stripped"},
      {"nine came in plaintext", 100, 9, {.tls = 100, .plaintext = 9}, "plaintext"},
      {"eight came in plaintext", 100, 9, {.tls = 100, .plaintext = 8}, "stripped"},
      {"nine came and sent no mail", 100, 9, {.tls = 100, .without_mail = 9}},
      {"four in plaintext, five without mail",
       100,
       9,
       {.tls = 100, .plaintext = 4, .without_mail = 5},
       "plaintext"},
  });
}

TEST_CASE(
    "sessions without mail do not explain a missing STARTTLS at an MX host that offered it on the day") {
  check({
      {"one, of a sender that came over TLS, too",
       1,
       1,
       {.tls = 1, .without_mail = 1},
       "stripped",
       "MX1.example.test."},
      {"another host", 1, 1, {.tls = 1, .without_mail = 1}, "matches", "mx2.example.test"},
      {"the host had no handshake", 0, 1, {.without_mail = 1}, "matches", "mx1.example.test"},
      {"it came in plaintext", 1, 1, {.tls = 1, .plaintext = 1}, "plaintext", "mx1.example.test"},
  });
  // Of another sender, and one that failed.
  for (const Outcome outcome : {Outcome::tls, Outcome::failed, Outcome::no_mail}) {
    static const std::vector<config::ReporterDomains> configured;
    Reconciliation reconciliation(configured, registrable, false);
    add_seen(reconciliation, {.day = reported_day, .outcome = outcome, .client = "mail.other.test"});
    add_seen(reconciliation, {.day = reported_day + 1});
    add_seen(reconciliation, {.day = reported_day, .outcome = Outcome::no_mail});
    reconciliation.add(reported({.day = reported_day,
                                 .failed = 1,
                                 .failures = {{"starttls-not-supported", 1}},
                                 .failed_at = "mx1.example.test"}));
    const auto found = reconciliation.comparisons(day(reported_day));
    REQUIRE(found.size() == 1);
    CHECK((found[0].result == ComparisonResult::stripped) == (outcome != Outcome::no_mail));
  }
}

TEST_CASE("the finding plaintext is for a reporter that uses TLS otherwise") {
  check({
      {"one session", 100, 0, {.tls = 100, .plaintext = 1}, "plaintext"},
      {"also where more was seen", 5, 0, {.tls = 50, .plaintext = 1}, "plaintext"},
      {"but not where more was reported", 500, 0, {.tls = 50, .plaintext = 1}, "more-reported"},
  });
}

TEST_CASE("a reporter with more than a hundred times all our sessions of the day is implausible") {
  check({
      {"a hundred times", 10'000, 0, {.tls = 100}, "more-reported"},
      {"one more", 10'001, 0, {.tls = 100}, "implausible"},
  });
}

TEST_CASE("a day without sessions on both sides is no comparison") {
  CHECK(comparisons({.why = {}, .seen = {.without_mail = 5}}).empty());
}

TEST_CASE("a reporter that was seen on a day but sent no report is missed, once the report could be here") {
  static const std::vector<config::ReporterDomains> configured;
  Reconciliation reconciliation(configured, registrable, false);
  for (const int one : {reported_day, reported_day + 1, reported_day + 2})
    add_seen(reconciliation, {.day = one, .sessions = 100});
  reconciliation.add(reported({.day = reported_day, .successful = 100}));
  const auto words = [&](int last_reported) {
    std::vector<std::string> found;
    for (const Comparison& one : reconciliation.comparisons(day(last_reported)))
      found.emplace_back(to_string(one.result));
    return found;
  };
  using Words = std::vector<std::string>;
  CHECK(words(reported_day) == Words{"matches"});
  CHECK(words(reported_day + 1) == Words{"matches", "no-report"});
  CHECK(words(reported_day + 2) == Words{"matches", "no-report", "no-report"});
}

TEST_CASE("the sessions of other senders are not compared with a report") {
  static const std::vector<config::ReporterDomains> configured;
  Reconciliation reconciliation(configured, registrable, false);
  add_seen(reconciliation, {.day = reported_day, .sessions = 100, .client = "mail.other.test"});
  reconciliation.add(reported({.day = reported_day, .successful = 100}));
  const auto found = reconciliation.comparisons(day(last_day));
  REQUIRE(found.size() == 1);
  CHECK(found[0].result == ComparisonResult::unseen);
  CHECK(found[0].seen_tls == 0);
}

TEST_CASE(
    "the sending domains of a reporter are configured, proven by a signature, or claimed by the report") {
  tlsrpt::ReportHead head;
  head.organization_name = "Sender Inc.";
  head.contact_info = "mailto:tls@mail.contact.test";
  head.report_id = "2026-11-01@id.test";
  using Domains = std::set<std::string>;
  CHECK(sending_domains(head, "", {}, registrable) == Domains{"contact.test", "id.test"});
  CHECK(sending_domains(head, "signer.test", {}, registrable) == Domains{"signer.test"});
  const std::vector<config::ReporterDomains> configured{
      {.name = "Sender Inc.", .domains = {starttls::test::good(DomainName::parse("own.test"))}},
      {.name = "signer.test", .domains = {starttls::test::good(DomainName::parse("signed.test"))}}};
  CHECK(sending_domains(head, "", configured, registrable) == Domains{"own.test"});
  CHECK(sending_domains(head, "signer.test", configured, registrable) == Domains{"own.test", "signed.test"});
  head.organization_name = "name.test";
  CHECK(sending_domains(head, "", {}, registrable) == Domains{"contact.test", "id.test", "name.test"});
}

TEST_CASE("for large providers the domains that they send from are known") {
  tlsrpt::ReportHead head;
  head.contact_info = "tlsrpt-noreply@microsoft.com";
  CHECK(sending_domains(head, "", {}, registrable) == std::set<std::string>{"microsoft.com", "outlook.com"});
}
