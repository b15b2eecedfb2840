#include "listtool/setup_facts.h"

#include "examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination::test;
using Catch::Matchers::ContainsSubstring;
using examination::DomainFacts;
using listtool::obstacles_to;
using listtool::published_of;
using mtasts::Mode;

namespace {

mtasts::Policy policy_for(const std::vector<std::string>& mx) {
  mtasts::Policy policy{.mode = Mode::testing, .mx = {}, .max_age = std::chrono::hours(24)};
  for (const std::string& each : mx)
    policy.mx.push_back(starttls::test::good(mtasts::MxPattern::parse(each)));
  return policy;
}

}  // namespace

TEST_CASE("what is published of a sound domain is all there") {
  const DomainFacts facts = sound();
  const publication::Published published = starttls::test::good(published_of(facts));
  CHECK(published.now == facts.now);
  REQUIRE(published.mx_hosts.size() == 2);
  CHECK(published.mx_hosts[0].str() == "mx1.example.org");
  REQUIRE(published.policy);
  CHECK(published.policy->mode == Mode::enforce);
  CHECK_FALSE(published.id.empty());
  CHECK(published.no_policy.empty());
  CHECK_FALSE(published.rua.empty());
  REQUIRE(published.hosts.size() == 2);
  CHECK(published.hosts[0].name == "mx1.example.org");
  CHECK(published.hosts[0].chains.size() == 2);
  CHECK(published.hosts[0].all_seen);
  CHECK(published.hosts[0].without_starttls.empty());
}

TEST_CASE("the target of an alias is the owner of its records, if it can stand in a zone file") {
  DomainFacts facts = sound();
  facts.mta_sts.record.canonical_name = "_mta-sts.Example.NET";
  facts.tlsrpt.record.canonical_name = "_smtp._tls." + facts.domain.str();
  mx1(facts).tlsa.canonical_name = "a\nb.example.net";
  const publication::Published published = starttls::test::good(published_of(facts));
  CHECK(published.id_owner == "_mta-sts.example.net");
  CHECK(published.rua_owner.empty());
  CHECK(published.hosts[0].tlsa_owner.empty());
}

TEST_CASE("servers that were not asked, or do not answer, are not seen") {
  DomainFacts facts = sound();
  stop(address(facts), smtp::Stop::timeout, smtp::Step::greeting);
  address(facts).chain.reset();
  CHECK_FALSE(starttls::test::good(published_of(facts)).hosts[0].all_seen);
  facts = sound();
  facts.smtp = examination::Smtp::skipped;
  CHECK_FALSE(starttls::test::good(published_of(facts)).hosts[0].all_seen);
}

TEST_CASE("an address that answers EHLO without STARTTLS is named") {
  DomainFacts facts = sound();
  address(facts).chain.reset();
  probe(facts).offers_starttls = false;
  CHECK(starttls::test::good(published_of(facts)).hosts[0].without_starttls ==
        std::vector<std::string>{address(facts).address});
  // A rate limit says nothing about STARTTLS.
  probe(facts).ehlo = smtp::Reply{.code = 450, .lines = {"later"}};
  CHECK(starttls::test::good(published_of(facts)).hosts[0].without_starttls.empty());
}

TEST_CASE("a policy that cannot be fetched is missing, with the reason") {
  DomainFacts facts = sound();
  facts.mta_sts.page = error_page(http::FetchError::status);
  const publication::Published published = starttls::test::good(published_of(facts));
  CHECK_FALSE(published.policy);
  CHECK_FALSE(published.id.empty());
  CHECK_FALSE(published.no_policy.empty());
}

TEST_CASE("a domain without MX records is its own MX host, and one that takes no mail is an error") {
  DomainFacts facts = sound();
  facts.mx = none();
  const auto published = starttls::test::good(published_of(facts));
  REQUIRE(published.mx_hosts.size() == 1);
  CHECK(published.mx_hosts[0] == facts.domain);
  facts.mx = found();
  facts.mx.mxs = {{.preference = 0, .host = ""}};
  CHECK(starttls::test::bad(published_of(facts)).fault == Fault::data);
  facts.mx.status = dns::Status::nxdomain;
  CHECK(starttls::test::bad(published_of(facts)).fault == Fault::data);
}

TEST_CASE("what the DNS does not answer is no reason to publish something else") {
  struct Case {
    const char* name;
    dns::Answer& (*answer)(DomainFacts& facts);
  };
  const std::vector<Case> cases{
      {"MX", [](DomainFacts& facts) -> dns::Answer& { return facts.mx; }},
      {"_mta-sts", [](DomainFacts& facts) -> dns::Answer& { return facts.mta_sts.record; }},
      {"_smtp._tls", [](DomainFacts& facts) -> dns::Answer& { return facts.tlsrpt.record; }}};
  for (const Case& each : cases) {
    CAPTURE(each.name);
    DomainFacts facts = sound();
    each.answer(facts) = failed();
    CHECK(starttls::test::bad(published_of(facts)).fault == Fault::temporary);
  }
  DomainFacts facts = sound();
  mx1(facts).tlsa = failed();
  CHECK(starttls::test::bad(listtool::published_host(facts, mx1(facts))).fault == Fault::temporary);
}

TEST_CASE("obstacles are what senders that enforce the policy would stop at") {
  const mtasts::Policy policy = policy_for({"mx1.example.org", "mx2.example.org"});
  CHECK(obstacles_to(policy, sound()).empty());
  CHECK(obstacles_to(policy, undemanded()).empty());
  const auto uncovered = obstacles_to(policy_for({"mx1.example.org"}), undemanded());
  REQUIRE(uncovered.size() == 1);
  CHECK_THAT(uncovered[0], ContainsSubstring("mx2.example.org"));
  DomainFacts untrusted = undemanded();
  set_trust(untrusted, certificate::ChainFault::untrusted_root);
  CHECK_FALSE(obstacles_to(policy, untrusted).empty());
  // Without an answer of the server, nothing is known, so nothing is in the way.
  DomainFacts silent = undemanded();
  stop_all(silent, smtp::Stop::timeout, smtp::Step::greeting);
  CHECK(obstacles_to(policy, silent).empty());
}
