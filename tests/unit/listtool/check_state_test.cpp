// What `check --state` remembers, and what has changed since then.

#include "listtool/check_state.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using examination::Code;
using examination::Level;
using examination::Subject;
using starttls::test::at;
using starttls::test::good;
using starttls::test::TemporaryFolder;

namespace {

const Time now = at("2026-11-28T12:00:00Z");
const Subject domain{.kind = Subject::Kind::domain, .name = "example.org", .address = {}};
const Subject mx1{.kind = Subject::Kind::address, .name = "mx1.example.org", .address = "192.0.2.1"};
const Subject mx2{.kind = Subject::Kind::address, .name = "mx2.example.org", .address = "192.0.2.2"};

examination::Finding finding(Level level, Code code, const Subject& subject) {
  return {.code = code, .level = level, .subject = subject, .seen = "seen", .why = {}, .remedy = {}};
}

KnownDomain known(const examination::Findings& findings, const KnownDomain* before = nullptr) {
  return known_after(before, findings, now);
}

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

using Lines = std::vector<std::string>;

Lines lines(const std::vector<KnownFinding>& findings) {
  Lines all;
  for (const KnownFinding& each : findings)
    all.push_back(
        fmt::format("{} {} {}", examination::level_words.word(each.level), each.code, each.subject));
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
  CHECK(all.cannot_tell);
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
        "example.org\t2026-11-28T12:00:00Z\tcannot-tell\tfault certificate-name mx1.example.org[192.0.2.1]"
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

TEST_CASE("the state of a run that was killed is that of the domains that it had examined") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  const KnownDomain first = known({finding(Level::fault, Code::starttls, mx1)});
  {
    CheckState state = good(CheckState::open(path));
    CHECK(state.find(name("a.example")) == nullptr);
    REQUIRE(state.add(name("a.example"), first));
    REQUIRE(state.add(name("b.example"), known({})));
    CHECK(*state.find(name("a.example")) == first);
    CHECK_FALSE(CheckState::open(path).has_value());  // it is locked
  }
  starttls::test::write(path, starttls::test::read(path) + "c.example\t2026");
  {
    CheckState state = good(CheckState::open(path));
    CHECK(*state.find(name("a.example")) == first);
    CHECK(state.find(name("c.example")) == nullptr);
    REQUIRE(state.add(name("c.example"), known({})));
    REQUIRE(state.add(name("a.example"), known({})));
    REQUIRE(state.finish());
  }
  CHECK(starttls::test::read(path) == to_line(name("a.example"), known({})) +
                                          to_line(name("b.example"), known({})) +
                                          to_line(name("c.example"), known({})));
}

TEST_CASE("a damaged state is refused, with its line") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  starttls::test::write(path, to_line(name("a.example"), known({})) + "hello\n");
  const auto state = CheckState::open(path);
  REQUIRE_FALSE(state.has_value());
  CHECK(state.error().fault == Fault::data);
  CHECK(state.error().message.contains("state:2: "));
}
