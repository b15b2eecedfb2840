#include "samples.h"

using namespace starttls;
using namespace starttls::publication;
using mtasts::Mode;

TEST_CASE("a policy is written so that it is read back, with nothing to complain about") {
  for (const mtasts::Policy& policy :
       {policy(Mode::testing, {"mx.example.org", "*.example.net"}, 86400),
        policy(Mode::enforce, {"mx.example.org"}, 604800), policy(Mode::none, {}, 86400)}) {
    const std::string text = policy_text(policy);
    const mtasts::PolicyReading read = mtasts::read_policy(text);
    REQUIRE(read.policy);
    CHECK(read.findings.empty());
    CHECK(policy_text(*read.policy) == text);
  }
  CHECK(policy_text(policy(Mode::enforce, {"mx.example.org"}, 604800)) ==
        "version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 604800\r\n");
}

TEST_CASE("the id follows from the policy alone") {
  const auto id = [](const mtasts::Policy& policy) { return policy_id(policy_text(policy)); };
  const mtasts::Policy one = policy(Mode::testing, {"mx.example.org"}, 86400);
  CHECK(id(one) == id(policy(Mode::testing, {"mx.example.org"}, 86400)));
  CHECK(id(one) != id(policy(Mode::enforce, {"mx.example.org"}, 86400)));
  CHECK(id(one) != id(policy(Mode::testing, {"mx2.example.org"}, 86400)));
  CHECK(id(one) != id(policy(Mode::testing, {"mx.example.org"}, 86401)));
  CHECK(id(one).size() == 20);
  // printf 'version: STSv1\r\n' | sha256sum
  CHECK(policy_id("version: STSv1\r\n") == "e8788e4325c4294cf302");
}

namespace {

struct Case {
  const char* name;
  Published published;
  Wanted options;
  std::string text;  // mode, max_age, patterns
};

std::string shown(const mtasts::Policy& policy) {
  std::string text = fmt::format("{} {}", mtasts::to_string(policy.mode), policy.max_age.count());
  for (const mtasts::MxPattern& pattern : policy.mx) text += ' ' + pattern.str();
  return text;
}

Wanted with_mode(Mode mode) {
  Wanted options = wanted();
  options.mode = mode;
  return options;
}

Wanted with_mx(const std::vector<std::string>& mx) {
  Wanted options = wanted();
  options.mx = patterns(mx);
  return options;
}

Wanted with_max_age(long seconds) {
  Wanted options = wanted();
  options.max_age = std::chrono::seconds(seconds);
  return options;
}

Published with_hosts(Published published, const std::vector<std::string>& hosts) {
  published.mx_hosts.clear();
  for (const std::string& host : hosts) published.mx_hosts.push_back(name(host));
  return published;
}

}  // namespace

TEST_CASE("the policy to serve is the published one, with what is wanted and every MX host") {
  const Published enforced = with_policy(policy(Mode::enforce, {"mx.example.org"}, 1209600));
  const Published tested = with_policy(policy(Mode::testing, {"mx.example.org"}, 86400));
  const std::vector<Case> cases{
      {"nothing is published", bare(), wanted(), "testing 86400 mx.example.org"},
      {"nothing is published, and patterns are wanted", bare(), with_mx({"*.example.org"}),
       "testing 86400 *.example.org"},
      {"nothing changes", enforced, wanted(), "enforce 1209600 mx.example.org"},
      {"an MX host is new in the DNS", with_hosts(enforced, {"mx.example.org", "mx2.example.org"}), wanted(),
       "enforce 1209600 mx.example.org mx2.example.org"},
      {"an MX host is to be new", enforced, with_mx({"mx.example.org", "mx2.example.org"}),
       "enforce 1209600 mx.example.org mx2.example.org"},
      {"an MX host is in the DNS and no longer wanted",
       with_hosts(enforced, {"mx.example.org", "mx2.example.org"}), with_mx({"mx2.example.org"}),
       "enforce 1209600 mx2.example.org mx.example.org"},
      {"an MX host is no longer in the DNS", with_hosts(enforced, {"mx2.example.org"}),
       with_mx({"mx2.example.org"}), "enforce 1209600 mx2.example.org"},
      {"patterns are wanted in another order",
       with_policy(policy(Mode::testing, {"mx.example.org", "*.example.net"}, 86400)),
       with_mx({"*.example.net", "mx.example.org"}), "testing 86400 mx.example.org *.example.net"},
      {"patterns are wanted twice", bare(), with_mx({"mx.example.org", "mx.example.org"}),
       "testing 86400 mx.example.org"},
      {"testing becomes enforce", tested, with_mode(Mode::enforce), "enforce 604800 mx.example.org"},
      {"a long max_age stays long", with_policy(policy(Mode::testing, {"mx.example.org"}, 2592000)),
       with_mode(Mode::enforce), "enforce 2592000 mx.example.org"},
      {"enforce becomes testing", enforced, with_mode(Mode::testing), "testing 86400 mx.example.org"},
      {"max_age is wanted", enforced, with_max_age(2592000), "enforce 2592000 mx.example.org"},
      {"the policy is withdrawn", enforced, with_mode(Mode::none), "none 86400"}};
  for (const Case& each : cases) {
    CAPTURE(each.name);
    CHECK(shown(test::good(policy_to_serve(each.options, each.published))) == each.text);
  }
}

TEST_CASE("a policy that no sender could use is refused") {
  CHECK(test::bad(policy_to_serve(wanted(), with_hosts(bare(), {}))).fault == Fault::data);
  std::vector<std::string> many;
  for (int number = 0; number < 5000; ++number) many.push_back(fmt::format("mx{}.example.org", number));
  CHECK(test::bad(policy_to_serve(with_mx(many), bare())).fault == Fault::data);
}
