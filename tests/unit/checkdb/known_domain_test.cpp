// What is known of a domain, what has changed, and its line in the file.

#include "checkdb/known_domain.h"

#include "support.h"

using namespace starttls;
using namespace starttls::checkdb;
using examination::Code;
using examination::Level;
using examination::Subject;
using starttls::test::at;
using starttls::test::good;

namespace {

const Time now = at("2026-11-28T12:00:00Z");
const Subject domain{.kind = Subject::Kind::domain, .name = "example.org", .address = {}};
const Subject mx1{.kind = Subject::Kind::address, .name = "mx1.example.org", .address = "192.0.2.1"};
const Subject mx2{.kind = Subject::Kind::address, .name = "mx2.example.org", .address = "192.0.2.2"};

examination::Finding finding(Level level, Code code, const Subject& subject) {
  return {.code = code, .level = level, .subject = subject, .seen = "seen", .why = {}, .remedy = {}};
}

KnownDomain known(const examination::Findings& findings, const KnownDomain* before = nullptr) {
  return known_after(before, findings, {}, now);
}

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

using Lines = std::vector<std::string>;

Lines lines(const std::vector<KnownFinding>& findings) {
  Lines all;
  for (const KnownFinding& each : findings)
    all.push_back(fmt::format("{}{} {} {}", each.is_gone ? "gone " : "",
                              examination::level_words.word(each.level), each.code, each.subject));
  return all;
}

}  // namespace

TEST_CASE("warnings and faults are remembered, and that something was not found out") {
  const KnownDomain all = known(
      {finding(Level::fault, Code::certificate_name, mx1), finding(Level::warning, Code::tls_suite, mx1),
       finding(Level::note, Code::mx_ipv6, domain), finding(Level::ok, Code::starttls, mx1),
       finding(Level::cannot_tell, Code::smtp_rate_limit, mx2)});
  CHECK(lines(all.findings) == Lines{"fault certificate-name mx1.example.org[192.0.2.1]",
                                     "warning tls-suite mx1.example.org[192.0.2.1]"});
  CHECK(all.unknown_since == now);
  CHECK(worst(all) == Level::fault);
  CHECK(worst(known({finding(Level::warning, Code::tls_suite, mx1)})) == Level::warning);
  CHECK(worst(known({finding(Level::cannot_tell, Code::smtp_rate_limit, mx2)})) == Level::cannot_tell);
  CHECK(worst(known({})) == Level::ok);
}

TEST_CASE("what is new is worse, and what is gone is better") {
  const KnownDomain before = known({finding(Level::fault, Code::certificate_name, mx1),
                                    finding(Level::warning, Code::certificate_expiry, mx2),
                                    finding(Level::warning, Code::tls_suite, mx2)});
  const CheckChanges changes = compare(before, known({finding(Level::fault, Code::certificate_expiry, mx2),
                                                      finding(Level::warning, Code::tls_suite, mx2),
                                                      finding(Level::fault, Code::starttls, mx1)}));
  CHECK(lines(changes.worse) == Lines{"fault certificate-expiry mx2.example.org[192.0.2.2]",
                                      "fault starttls mx1.example.org[192.0.2.1]"});
  CHECK(lines(changes.better) == Lines{"fault certificate-name mx1.example.org[192.0.2.1]"});
  CHECK(compare(before, before).is_empty());
}

TEST_CASE("a fault that is a warning now is better") {
  const CheckChanges changes = compare(known({finding(Level::fault, Code::starttls, mx1)}),
                                       known({finding(Level::warning, Code::starttls, mx1)}));
  CHECK(changes.worse.empty());
  CHECK(lines(changes.better) == Lines{"fault starttls mx1.example.org[192.0.2.1]"});
}

TEST_CASE("what cannot be found out now has not changed") {
  const KnownDomain before = known({finding(Level::fault, Code::certificate_name, mx1),
                                    finding(Level::warning, Code::tls_suite, mx2),
                                    finding(Level::fault, Code::mta_sts_policy, domain)});
  SECTION("at one address") {
    const KnownDomain limited = known({finding(Level::cannot_tell, Code::smtp_rate_limit, mx1)}, &before);
    CHECK(lines(compare(before, limited).better) ==
          Lines{"fault mta-sts-policy example.org", "warning tls-suite mx2.example.org[192.0.2.2]"});
    // And once it is found out again, it is compared with what was known.
    CHECK(compare(limited, known({finding(Level::fault, Code::certificate_name, mx1)}, &limited)).is_empty());
  }
  SECTION("behind a network that blocks port 25") {
    const KnownDomain blocked = known({finding(Level::cannot_tell, Code::smtp_own_network, domain),
                                       finding(Level::fault, Code::mta_sts_policy, domain)},
                                      &before);
    CHECK(compare(before, blocked).is_empty());
  }
}

TEST_CASE("a line is read as it was written") {
  const KnownDomain all = known({finding(Level::fault, Code::certificate_name, mx1),
                                 finding(Level::cannot_tell, Code::smtp_rate_limit, mx2),
                                 finding(Level::fault, Code::mx_name, {.name = "a b", .address = {}})});
  const std::string line = to_line(name("example.org"), all);
  CHECK(line ==
        "example.org\t2026-11-28T12:00:00Z\tcannot-tell 2026-11-28T12:00:00Z\tfault certificate-name "
        "mx1.example.org[192.0.2.1]"
        "\tfault mx-name a b\n");
  const auto [domain_name, read] = good(read_line(line));
  CHECK(domain_name == name("example.org"));
  CHECK(read == all);
  for (const char* const bad :
       {"", "example.org", "example.org\tyesterday", "example.org\t2026-11-28T12:00:00Z\tfault",
        "example.org\t2026-11-28T12:00:00Z\tnote a b", "a b\t2026-11-28T12:00:00Z"}) {
    INFO(bad);
    CHECK_FALSE(read_line(bad).has_value());
  }
}

TEST_CASE("what a line can have beside findings is read as it was written") {
  KnownDomain all{.examined = now,
                  .findings = {{.code = "starttls", .subject = "mx.example.org", .level = Level::fault},
                               {.code = "tls-suite", .subject = "mx.example.org", .is_gone = true}},
                  .outcomes = {{examination::Sender::mta_sts, examination::Outcome::defers},
                               {examination::Sender::opportunistic, examination::Outcome::plaintext}},
                  .unknown_since = at("2026-11-20T06:00:00Z")};
  std::ranges::sort(all.findings);
  const std::string line = to_line(name("example.org"), all);
  CHECK(line ==
        "example.org\t2026-11-28T12:00:00Z\tcannot-tell 2026-11-20T06:00:00Z\tsender mta-sts defers\t"
        "sender opportunistic plaintext\tfault starttls mx.example.org\tgone warning tls-suite "
        "mx.example.org\n");
  CHECK(good(read_line(line)).second == all);
  for (const char* const field :
       {"cannot-tell", "cannot-tell soon", "sender", "sender mta-sts", "sender nobody delivers", "gone",
        "gone starttls mx", "gone note starttls mx", "fault  mx", "fault starttls ", "hello"}) {
    INFO(field);
    CHECK_FALSE(read_line("example.org\t2026-11-28T12:00:00Z\t" + std::string(field)).has_value());
  }
}

TEST_CASE("what cannot be found out hides what depends on it, and nothing else") {
  const Subject host{.kind = Subject::Kind::mx_host, .name = "mx1.example.org", .address = {}};
  const KnownDomain before = known(
      {finding(Level::fault, Code::certificate_name, mx1), finding(Level::warning, Code::mx_alias, host),
       finding(Level::warning, Code::tls_suite, mx2), finding(Level::warning, Code::dane_rollover, mx2),
       finding(Level::warning, Code::tlsrpt_record, domain)});
  const auto better = [&before](Code code, const Subject& subject) {
    const KnownDomain after = known({finding(Level::cannot_tell, code, subject)}, &before);
    CHECK(compare(before, after).worse.empty());
    return lines(compare(before, after).better);
  };
  const std::string name = "fault certificate-name mx1.example.org[192.0.2.1]";
  const std::string suite = "warning tls-suite mx2.example.org[192.0.2.2]";
  const std::string rollover = "warning dane-rollover mx2.example.org[192.0.2.2]";
  const std::string reports = "warning tlsrpt-record example.org";
  // Without the MX records, or what MTA-STS demands.
  CHECK(better(Code::mx_records, domain).empty());
  CHECK(better(Code::mta_sts_policy, domain).empty());
  // Without the addresses of an MX host; without one of its addresses.
  CHECK(better(Code::mx_address, host) == Lines{rollover, suite, reports});
  CHECK(better(Code::smtp_connection, mx1) == Lines{rollover, suite, reports});
  // The same subject of knowledge, whichever server has it.
  CHECK(better(Code::dane_validation, domain) ==
        Lines{name, "warning mx-alias mx1.example.org", suite, reports});
  CHECK(better(Code::tlsrpt_https, domain) ==
        Lines{name, rollover, "warning mx-alias mx1.example.org", suite});
}

TEST_CASE("a fault stays one while what demands it cannot be found out") {
  const KnownDomain before = known({finding(Level::fault, Code::starttls, mx1)});
  const KnownDomain after = known({finding(Level::cannot_tell, Code::mta_sts_policy, domain),
                                   finding(Level::warning, Code::starttls, mx1)},
                                  &before);
  CHECK(lines(after.findings) == Lines{"fault starttls mx1.example.org[192.0.2.1]"});
}

TEST_CASE("since when something is not found out is remembered until all is found out") {
  const examination::Findings unknown{finding(Level::cannot_tell, Code::smtp_rate_limit, mx1)};
  const KnownDomain first = known(unknown);
  const Time later = now + std::chrono::days(3);
  const KnownDomain second = known_after(&first, unknown, {}, later);
  CHECK(second.unknown_since == now);
  const KnownDomain third = known_after(&second, {}, {}, later);
  CHECK_FALSE(third.unknown_since.has_value());
  CHECK(known_after(&third, unknown, {}, later).unknown_since == later);
}

TEST_CASE("something is better only when two examinations in a row say so") {
  const examination::Findings broken{finding(Level::fault, Code::starttls, mx1)};
  const auto next = [](const KnownDomain& before, const examination::Findings& findings) {
    return keep_gone(before, known(findings, &before));
  };
  const KnownDomain first = known(broken);
  SECTION("it is gone, and stays gone") {
    const KnownDomain second = next(first, {});
    CHECK(lines(second.findings) == Lines{"gone fault starttls mx1.example.org[192.0.2.1]"});
    CHECK(worst(second) == Level::ok);
    CHECK(compare(first, second).is_empty());
    const KnownDomain third = next(second, {});
    CHECK(third.findings.empty());
    CHECK(lines(compare(second, third).better) == Lines{"gone fault starttls mx1.example.org[192.0.2.1]"});
  }
  SECTION("it comes and goes") {
    KnownDomain last = first;
    for (int night = 0; night < 6; ++night) {
      const KnownDomain known = next(last, night % 2 == 0 ? examination::Findings{} : broken);
      CHECK(compare(last, known).is_empty());
      last = known;
    }
  }
  SECTION("it is only a warning now") {
    const examination::Findings warning{finding(Level::warning, Code::starttls, mx1)};
    const KnownDomain second = next(first, warning);
    CHECK(compare(first, second).is_empty());
    CHECK(worst(second) == Level::warning);
    const KnownDomain third = next(second, warning);
    CHECK(compare(second, third).better.size() == 1);
    CHECK(lines(third.findings) == Lines{"warning starttls mx1.example.org[192.0.2.1]"});
    CHECK(compare(third, next(third, warning)).is_empty());
    CHECK(compare(third, next(third, broken)).worse.size() == 1);
  }
  SECTION("a night in which nothing is found out does not count") {
    const examination::Findings unknown{finding(Level::cannot_tell, Code::mx_records, domain)};
    const KnownDomain second = next(first, {});
    const KnownDomain third = next(second, unknown);
    CHECK(third.findings == second.findings);
    CHECK(compare(second, third).is_empty());
    CHECK(compare(third, next(third, broken)).is_empty());
  }
}
