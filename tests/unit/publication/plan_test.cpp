#include "samples.h"

using namespace starttls;
using namespace starttls::publication;
using Catch::Matchers::ContainsSubstring;
using mtasts::Mode;

namespace {

constexpr long week = 604800;
constexpr long month = 2592000;

struct Case {
  const char* name;
  Published published;
  Wanted options;
  std::string steps;  // kinds()
};

Wanted with(std::optional<Mode> mode, const std::vector<std::string>& mx = {}) {
  Wanted options = wanted();
  options.mode = mode;
  options.mx = patterns(mx);
  return options;
}

Published with_hosts(Published published, const std::vector<std::string>& hosts) {
  published.mx_hosts.clear();
  for (const std::string& host : hosts) published.mx_hosts.push_back(name(host));
  return published;
}

Published without_policy(Published published) {
  published.policy.reset();
  published.no_policy = "status 404";
  return published;
}

Published with_seen(Published published, bool all_seen) {
  published.hosts = {{.name = "mx.example.org", .all_seen = all_seen}};
  return published;
}

Published with_id(Published published, const std::string& id) {
  published.id = id;
  return published;
}

}  // namespace

TEST_CASE("the steps come in an order in which no sender defers") {
  const Published enforced = with_policy(policy(Mode::enforce, {"mx.example.org"}, week));
  const Published settled = with_policy(policy(Mode::enforce, {"mx.example.org"}, month));
  const Published tested = with_policy(policy(Mode::testing, {"mx.example.org"}, 86400));
  const std::vector<Case> cases{
      // The policy before its id, and a week of reports before enforce.
      {"the first publication", bare(), with({}), "policy-host policy records evidence+604800 next"},
      {"testing goes on", tested, with({}), "evidence+604800 next"},
      {"testing becomes enforce", tested, with(Mode::enforce), "policy records next+604800"},
      {"testing becomes enforce, and all was seen", with_seen(tested, true), with(Mode::enforce),
       "policy records next+604800"},
      {"testing becomes enforce, and a host was not seen", with_seen(tested, false), with(Mode::enforce),
       "examination policy records next+604800"},
      {"enforce goes on, and a host was not seen", with_seen(settled, false), with({}), ""},
      {"enforce, and max_age may grow", enforced, with({}), "next+604800"},
      {"nothing is left to do", settled, with({}), ""},
      {"the served policy is new, and its id is missing", with_id(settled, "20260101"), with({}), "records"},
      {"the policy cannot be fetched", without_policy(settled), with(Mode::testing),
       "policy records evidence+604800 next"},
      // The policy before the MX records: senders may use the old one for its max_age.
      {"an MX host is to be new", settled, with({}, {"mx.example.org", "mx2.example.org"}),
       "policy records mx+2592000"},
      {"an MX host is to be new, while testing", tested, with({}, {"mx.example.org", "mx2.example.org"}),
       "policy records evidence+604800 next"},
      {"an MX host is new in the DNS", with_hosts(settled, {"mx.example.org", "mx2.example.org"}), with({}),
       "policy records"},
      // The MX records before the policy: senders may have the old ones for their TTL.
      {"an MX host is to go",
       with_hosts(with_policy(policy(Mode::enforce, {"mx.example.org", "mx2.example.org"}, month)),
                  {"mx.example.org", "mx2.example.org"}),
       with({}, {"mx2.example.org"}), "mx"},
      {"an MX host is gone", with_policy(policy(Mode::enforce, {"mx.example.org", "mx2.example.org"}, month)),
       with({}, {"mx.example.org"}), "policy+7200 records"},
      // RFC 8461 section 8.3: none first, and the record goes when the old policy has expired everywhere.
      {"the policy is withdrawn", settled, with(Mode::none), "policy records next+2592000"}};
  for (const Case& each : cases) {
    CAPTURE(each.name);
    CHECK(kinds(test::good(plan(each.options, each.published, {})).steps) == each.steps);
  }
}

TEST_CASE("a second run finds nothing to publish") {
  for (const Mode mode : {Mode::testing, Mode::enforce, Mode::none}) {
    Wanted options = with(mode, {"mx.example.org", "*.example.net"});
    options.rua = {test::good(tlsrpt::parse_destination("mailto:tls@example.org"))};
    options.policy_addresses = {*IpAddress::parse("192.0.2.80"), *IpAddress::parse("2001:db8::80")};
    const Publication first = test::good(plan(options, bare(), {}));
    Published published = with_policy(*mtasts::read_policy(first.policy_text).policy);
    published.id = first.id;
    published.policy_addresses = {"192.0.2.80", "2001:db8::80"};
    const Publication second = test::good(plan(options, published, {}));
    CHECK(second.policy_text == first.policy_text);
    CHECK(second.id == first.id);
    for (const RecordSet& set : second.records) {
      CAPTURE(set.owner);
      CHECK_FALSE(set.changed);
    }
    CHECK(kinds(second.steps).find("policy") == std::string::npos);
    CHECK(kinds(second.steps).find("records") == std::string::npos);
  }
}

TEST_CASE("records come in the order in which they may be published") {
  Wanted options = with({});
  options.rua = {test::good(tlsrpt::parse_destination("mailto:tls@example.org")),
                 test::good(tlsrpt::parse_destination("https://reports.example.org/v1"))};
  options.policy_addresses = {*IpAddress::parse("192.0.2.80"), *IpAddress::parse("2001:db8::80")};
  options.keys = {
      {.host = name("mx.example.org"),
       .present = {{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, '\xAB')}},
       .next = {}}};
  const Publication made = test::good(plan(options, bare(), {}));
  std::vector<std::string> lines;
  for (const RecordSet& set : made.records) {
    CHECK(set.changed);
    lines.push_back(set.owner + ' ' + set.type + ' ' + set.data.at(0).substr(0, 30));
  }
  CHECK(lines == std::vector<std::string>{"mta-sts.example.org A 192.0.2.80",
                                          "mta-sts.example.org AAAA 2001:db8::80",
                                          "_25._tcp.mx.example.org TLSA 3 1 1 abababababababababababab",
                                          "_smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:tls@ex",
                                          "_mta-sts.example.org TXT \"v=STSv1; id=" + made.id.substr(0, 17)});
  CHECK(made.records[3].data.at(0) ==
        "\"v=TLSRPTv1; rua=mailto:tls@example.org,https://reports.example.org/v1\"");
}

TEST_CASE("records are published where an alias leads to") {
  Published published = with_policy(policy(Mode::testing, {"mx.example.org"}, 86400));
  published.id_owner = "_mta-sts.example.net";
  published.rua_owner = "_smtp._tls.example.net";
  published.hosts = {{.name = "mx.example.org", .tlsa_owner = "_dane.example.org"}};
  Wanted options = with(Mode::enforce);
  options.keys = {
      {.host = name("mx.example.org"),
       .present = {{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, '\xAB')}},
       .next = {}}};
  std::vector<std::string> owners;
  for (const RecordSet& set : test::good(plan(options, published, {})).records) owners.push_back(set.owner);
  CHECK(owners ==
        std::vector<std::string>{"_dane.example.org", "_smtp._tls.example.net", "_mta-sts.example.net"});
}

TEST_CASE("enforce is refused where senders would defer, unless it is so already") {
  const Published tested = with_policy(policy(Mode::testing, {"mx.example.org"}, 86400));
  const Published enforced = with_policy(policy(Mode::enforce, {"mx.example.org"}, month));
  const std::vector<std::string> obstacles{"mx.example.org[192.0.2.1]: the certificate is not trusted"};
  const Error error = test::bad(plan(with(Mode::enforce), tested, obstacles));
  CHECK(error.fault == Fault::data);
  CHECK_THAT(error.message, ContainsSubstring("the certificate is not trusted"));
  const Publication repaired = test::good(plan(with(Mode::enforce), enforced, obstacles));
  CHECK(repaired.policy.mode == Mode::enforce);
  CHECK(repaired.steps.at(0).kind == StepKind::repair);
  CHECK_THAT(repaired.steps.at(0).action, ContainsSubstring("the certificate is not trusted"));
  CHECK(kinds(test::good(plan(with({}), tested, obstacles)).steps) == "repair evidence+604800 next");
}

TEST_CASE("the policy host has its addresses before its policy is served") {
  Wanted options = wanted();
  options.policy_addresses = {*IpAddress::parse("192.0.2.7")};
  CHECK_THAT(test::good(plan(options, bare(), {})).steps.at(0).action,
             ContainsSubstring("mta-sts.example.org its addresses (A, AAAA) from records.zone"));
}

TEST_CASE("nothing is concluded from reports that go nowhere") {
  Published enforced = with_policy(policy(Mode::enforce, {"mx.example.org"}, week));
  CHECK_THAT(test::good(plan(with({}), enforced, {})).steps.back().action, !ContainsSubstring("--rua"));
  enforced.rua.clear();
  CHECK_THAT(test::good(plan(with({}), enforced, {})).steps.back().action,
             ContainsSubstring("Publish a destination for TLS reports (--rua)"));
}

TEST_CASE("times are given in the largest unit") {
  CHECK(in_words(std::chrono::seconds(90)) == "90 seconds");
  CHECK(in_words(std::chrono::hours(1)) == "1 hour");
  CHECK(in_words(std::chrono::hours(48)) == "2 days");
}
