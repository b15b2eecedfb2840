#include "listtool/serve/reply.h"

#include "support.h"

using namespace starttls;
namespace postfix = starttls::listtool::postfix;
using namespace starttls::listtool::serve;
using policy::Mode;
using policy::Source;

namespace {

const DomainName domain = test::good(DomainName::parse("example.org"));

policy::Decision answer_of(Source source, Mode mode, std::string joined_mxs = {}) {
  return {
      .source = source, .mode = mode, .enforced = mode == Mode::enforce, .joined_mxs = std::move(joined_mxs)};
}

mtasts::FetchedPolicy fetched(std::string_view text) {
  auto reading = mtasts::read_policy(text);
  REQUIRE(reading.policy);
  return {.policy = *reading.policy, .text = std::string(text), .id = "1"};
}

const std::string policy_text =
    "version: STSv1\nmode: enforce\nmx: mx.example.org\nmx: *.example.net\nmax_age: 604800\n";
const std::string joined = "mx.example.org:.example.net";
constexpr postfix::Version v3_4{3, 4};
constexpr postfix::Version v3_7{3, 7};
constexpr postfix::Version v3_10{3, 10};

}  // namespace

TEST_CASE("the name of the map determines the dialect") {
  CHECK(parse_dialect("postfix") == Dialect::postfix);
  CHECK(parse_dialect("QUERY") == Dialect::postfix);
  CHECK(parse_dialect("QUERYwithTLSRPT") == Dialect::postfix_tlsrpt);
  CHECK(parse_dialect("sts") == Dialect::sendmail);
  CHECK(parse_dialect("exim") == Dialect::exim);
  CHECK(parse_dialect("a-zone-of-another-resolver") == Dialect::postfix);
  CHECK(parse_dialect("") == Dialect::postfix);
  CHECK(parse_dialect("STS") == Dialect::postfix);
}

TEST_CASE("each dialect has its own words for each policy") {
  const auto mta_sts = fetched(policy_text);
  const auto good = [&](Dialect dialect, const policy::Decision& answer, std::string_view text,
                        const Rules& rules = {}) {
    const auto* const policy = answer.source == Source::mta_sts ? &mta_sts : nullptr;
    CHECK(reply_for(dialect, domain, answer, policy, rules).bytes == netstring(text));
  };
  const auto all = [&](const policy::Decision& answer, std::string_view postfix, std::string_view tlsrpt,
                       std::string_view sendmail, std::string_view exim) {
    good(Dialect::exim, answer, exim);
    good(Dialect::postfix, answer, postfix);
    good(Dialect::postfix_tlsrpt, answer, tlsrpt);
    good(Dialect::sendmail, answer, sendmail);
  };
  const std::string none = "NOTFOUND ";
  const std::string secure = "OK secure match=mx.example.org:.example.net servername=hostname";
  const std::string match = "OK secure match=mx.example.org:.example.net";
  const std::string with_protocols = secure + " protocols=>=TLSv1.2";
  const std::string with_reports =
      with_protocols +
      " policy_type=sts policy_domain=example.org { policy_string = version: STSv1 } { policy_string = mode: "
      "enforce } { policy_string = mx: mx.example.org } { policy_string = mx: *.example.net } { "
      "policy_string = "
      "max_age: 604800 } mx_host_pattern=mx.example.org mx_host_pattern=*.example.net";

  all(answer_of(Source::none, Mode::none), none, none, none, none);
  all(answer_of(Source::mta_sts, Mode::enforce, joined), secure, with_reports, secure, match);
  all(answer_of(Source::mta_sts, Mode::testing, joined), none, none, none, none);
  all(answer_of(Source::mta_sts, Mode::none), none, none, none, none);
  // Postfix takes the attributes of reports for an error with any other policy.
  all(answer_of(Source::list, Mode::enforce, joined), secure, with_protocols, secure, match);
  all(answer_of(Source::list, Mode::testing, joined), none, none, none, none);
  all(answer_of(Source::overrides, Mode::enforce, joined), secure, with_protocols, secure, match);
  all(answer_of(Source::overrides, Mode::none), none, none, none, none);
  // Sendmail delivers in plaintext if it reads such words.
  all(answer_of(Source::dane, Mode::mandatory_dane), "OK dane-only", "OK dane-only", none, "OK dane-only");
  all(answer_of(Source::dane, Mode::opportunistic_dane), "OK dane", "OK dane", none, "OK dane");
  // An empty match= would defer the mail with one, and mean every host with the other.
  all(answer_of(Source::mta_sts, Mode::enforce), none, none, none, none);
}

TEST_CASE("for a smart host in brackets the name of the host itself is demanded") {
  const auto mta_sts = fetched("version: STSv1\nmode: enforce\nmx: *.relay.test\nmax_age: 604800\n");
  const auto reply = [&](Dialect dialect, std::string_view next_hop) {
    return reply_for(dialect, test::good(NextHop::parse(next_hop)),
                     answer_of(Source::mta_sts, Mode::enforce, ".relay.test"), &mta_sts, {})
        .bytes;
  };
  CHECK(reply(Dialect::postfix, "[smtp.relay.test]:587") ==
        netstring("OK secure match=smtp.relay.test servername=hostname"));
  CHECK(reply(Dialect::postfix, "smtp.relay.test:587") ==
        netstring("OK secure match=.relay.test servername=hostname"));
  CHECK(reply(Dialect::postfix_tlsrpt, "[smtp.relay.test]:587") ==
        netstring("OK secure match=smtp.relay.test servername=hostname protocols=>=TLSv1.2 policy_type=sts "
                  "policy_domain=smtp.relay.test { policy_string = version: STSv1 } { policy_string = mode: "
                  "enforce } { policy_string = mx: *.relay.test } { policy_string = max_age: 604800 } "
                  "mx_host_pattern=*.relay.test"));
}

TEST_CASE(
    "Postfix gets attributes that its version supports, and those for reports only if it asks for them") {
  const auto text = [](std::optional<postfix::Version> version) {
    return reply_for(Dialect::postfix, domain, answer_of(Source::mta_sts, Mode::enforce, "mx.example.org"),
                     nullptr, {.postfix_version = version})
        .bytes;
  };
  const std::string secure = "OK secure match=mx.example.org servername=hostname";
  CHECK(text(std::nullopt) == netstring(secure));
  CHECK(text(v3_4) == netstring(secure));
  CHECK(text(v3_7) == netstring(secure + " protocols=>=TLSv1.2"));
  CHECK(text(v3_10) == netstring(secure + " protocols=>=TLSv1.2"));
  CHECK(text(postfix::Version{3, 3}) == netstring("OK secure match=mx.example.org"));
}

TEST_CASE("an enforced decision is enforced, whatever the mode of the policy") {
  policy::Decision answer = answer_of(Source::list, Mode::testing, joined);
  answer.enforced = true;
  for (const Dialect dialect :
       {Dialect::postfix, Dialect::postfix_tlsrpt, Dialect::sendmail, Dialect::exim}) {
    CHECK(reply_for(dialect, domain, answer, nullptr, {}).outcome == Outcome::policy);
  }
}

TEST_CASE("a policy too long for Postfix is sent without its report attributes, or as a temporary error") {
  std::string text = "version: STSv1\nmode: enforce\nmax_age: 604800\n";
  std::string mxs;
  for (int i = 0; text.size() < 60'000; ++i) {
    const std::string mx = fmt::format("mx{}.{}.example", i, std::string(60, 'a'));
    text += "mx: " + mx + "\n";
    mxs += (mxs.empty() ? "" : ":") + mx;
  }
  const auto policy = fetched(text);
  const auto reply = [&](Dialect dialect, std::string match) {
    return reply_for(dialect, domain, answer_of(Source::mta_sts, Mode::enforce, std::move(match)), &policy,
                     {});
  };
  const auto reports = reply(Dialect::postfix_tlsrpt, mxs);
  CHECK(reports.outcome == Outcome::policy);
  CHECK(reports.bytes.find("policy_type") == std::string::npos);
  CHECK(reports.bytes.find(mxs) != std::string::npos);
  CHECK(reply(Dialect::postfix, mxs + ":" + mxs).outcome == Outcome::temporary_error);
  // Sendmail would compare a part of it.
  CHECK(reply(Dialect::sendmail, mxs).outcome == Outcome::no_policy);
}

TEST_CASE("a reply to Postfix is never longer than it reads") {
  const std::size_t around = std::string_view("OK secure match= servername=hostname").size();
  const auto outcome = [](std::size_t size) {
    return reply_for(Dialect::postfix, domain, answer_of(Source::list, Mode::enforce, std::string(size, 'a')),
                     nullptr, {})
        .outcome;
  };
  CHECK(outcome(max_reply_size - around) == Outcome::policy);
  CHECK(outcome(max_reply_size - around + 1) == Outcome::temporary_error);
}

TEST_CASE("trouble is always temporary") {
  CHECK(temporary_error("why").bytes == "8:TEMP why,");
  CHECK(no_policy().bytes == "9:NOTFOUND ,");
}
