// Deviations from the standard that domains were seen to publish, each with the verdict and the reason for
// it. Following what has only one meaning protects mail that other implementations do not protect; following
// what can be misread stops mail.
#include "discovery/classify.h"
#include "mtasts/examples.h"
#include "mtasts/policy.h"
#include "mtasts/record.h"

using namespace starttls;
using namespace starttls::discovery;
using namespace starttls::mtasts;
using namespace starttls::test;

namespace {

constexpr const char* no = "none in force";

std::string in_force(const FetchOutcome& outcome) {
  if (!outcome.policy) return no;
  std::string text = fmt::format("{} {}", to_string(outcome.policy->mode), outcome.policy->max_age.count());
  for (const MxPattern& pattern : outcome.policy->mx) text += " " + pattern.str();
  return text;
}

// In the form of a server that sends only the required parts.
std::string in_force(const std::string& text) {
  return in_force(discovery::classify_fetch({.status = 200, .content_type = "text/plain", .body = text}));
}

const std::string head = "version: STSv1\nmode: enforce\n";
const std::string tail = "max_age: 604800\n";
const std::string sound = head + "mx: mx.a.test\n" + tail;
const std::string enforced = "enforce 604800 mx.a.test";

}  // namespace

TEST_CASE("records seen in the wild") {
  struct Verdict {
    std::string why;
    std::vector<std::string> answer;
    std::string id;  // "" if there is none
  };
  const std::vector<Verdict> verdicts{
      {"two records: which one counts is open, and section 3.1 says none",
       {"v=STSv1; id=1;", "v=STSv1; id=2;"},
       ""},
      {"the same record twice is two", {"v=STSv1; id=1;", "v=STSv1; id=1;"}, ""},
      {"a record beside those of others is the only one", {"v=spf1 -all", "v=STSv1; id=1;", "x=y"}, "1"},
      {"a TLS reporting record at the same name is another's",
       {"v=TLSRPTv1; rua=mailto:a@b.test", "v=STSv1; id=1"},
       "1"},
      {"an id with '+' is no id, and a record without one is none", {"v=STSv1; id=2026+1;"}, ""},
      {"an id that is a time with ':' and '-' is none", {"v=STSv1; id=2026-11-22T12:00:00Z;"}, ""},
      {"a blank before ';' is what the grammar allows", {"v=STSv1 ; id=1 ;"}, "1"},
      {"and no blank at all", {"v=STSv1;id=1"}, "1"},
      {"the last ';' is optional", {"v=STSv1; id=1"}, "1"},
      {"another version is another record", {"v=STSv12; id=1;"}, ""},
      {"an upper-case version is no version: the literal has its case", {"V=STSv1; id=1;"}, ""},
      {"quotes that were entered with the record are part of it", {"\"v=STSv1; id=1;\""}, ""},
      {"an empty record is none", {""}, ""},
      {"an id and no version is none", {"id=1"}, ""},
      {"a version and no id is none", {"v=STSv1;"}, ""},
      {"fields that are well-formed and unknown are for later versions", {"v=STSv1; id=1; t=y"}, "1"},
  };
  for (const Verdict& verdict : verdicts) {
    CAPTURE(verdict.why);
    const auto reading = read_records(verdict.answer);
    CHECK((reading.record ? reading.record->id : "") == verdict.id);
  }
}

TEST_CASE("policies seen in the wild") {
  struct Verdict {
    std::string why;
    std::string text;
    std::string in_force;
  };
  const std::vector<Verdict> verdicts{
      {"a blank line inside says nothing", head + "\nmx: mx.a.test\n" + tail, enforced},
      {"a line of blanks says nothing", sound + "   \n", enforced},
      {"a byte order mark says nothing", "\xEF\xBB\xBF" + sound, enforced},
      {"a web page instead of a policy", "<!DOCTYPE html>\n<html><body>Not found</body></html>\n", no},
      {"a web page behind a byte order mark", "\xEF\xBB\xBF<html>", no},
      {"the key typo that left enforce without mx: nothing could be delivered",
       head + "nmx: mx.a.test\n" + tail, no},
      {"the same with mode none, which needs no mx", "version: STSv1\nmode: none\nnmx: mx.a.test\n" + tail,
       "none 604800"},
      {"an address as the only mx matches no host", head + "mx: 192.0.2.1\n" + tail, no},
      {"an address beside a name changes nothing for the name",
       head + "mx: 192.0.2.1\nmx: mx.a.test\nmx: 2001:db8::1\n" + tail, enforced},
      {"a trailing dot is the same host", head + "mx: mx.a.test.\n" + tail, enforced},
      {"a trailing dot after a wildcard", head + "mx: *.a.test.\n" + tail, "enforce 604800 *.a.test"},
      {"upper case is the same host", head + "mx: MX.A.TEST\n" + tail, enforced},
      {"upper case in a field's name is another field", "VERSION: STSv1\nMODE: enforce\n" + sound, enforced},
      {"upper case in a value is another value", "version: STSv1\nmode: ENFORCE\nmx: mx.a.test\n" + tail, no},
      {"hosts on one line with ',': to take the first would stop the mail to the second",
       head + "mx: mx.a.test, mx2.a.test\n" + tail, no},
      {"hosts on one line with blanks", head + "mx: mx.a.test mx2.a.test\n" + tail, no},
      {"hosts on one line with ';'", head + "mx: mx.a.test;mx2.a.test\n" + tail, no},
      {"max_age of ten digits is a year", head + "mx: mx.a.test\nmax_age: 9999999999\n",
       "enforce 31557600 mx.a.test"},
      {"max_age of eleven digits is a year", head + "mx: mx.a.test\nmax_age: 31536000000\n",
       "enforce 31557600 mx.a.test"},
      {"max_age that no number holds is a year", head + "mx: mx.a.test\nmax_age: 99999999999999999999999\n",
       "enforce 31557600 mx.a.test"},
      {"a negative max_age means nothing", head + "mx: mx.a.test\nmax_age: -1\n", no},
      {"a max_age in words means nothing", head + "mx: mx.a.test\nmax_age: 1 week\n", no},
      {"an mx in U-labels is the same host",
       head +
           "mx: mx.b\xC3\xBC"
           "cher.test\n" +
           tail,
       "enforce 604800 mx.xn--bcher-kva.test"},
      {"a wildcard in U-labels, too",
       head +
           "mx: *.b\xC3\xBC"
           "cher.test\n" +
           tail,
       "enforce 604800 *.xn--bcher-kva.test"},
      {"an empty mx matches no host", head + "mx:\n" + tail, no},
      {"a bare '*' would match every host: section 3.2 knows no such thing", head + "mx: *\n" + tail, no},
      {"the suffix form of another format", head + "mx: .a.test\n" + tail, no},
      {"a single label beside a name is a slip", head + "mx: localhost\nmx: mx.a.test\n" + tail, enforced},
      {"the record's syntax in the policy", "v=STSv1; mode=enforce; mx=mx.a.test; max_age=604800", no},
      {"all fields on one line", "version: STSv1 mode: enforce mx: mx.a.test max_age: 604800", no},
      {"lines that end in CR alone are one line",
       "version: STSv1\rmode: enforce\rmx: mx.a.test\rmax_age: 1\r", no},
      {"literal \\n for newlines", "version: STSv1\\nmode: enforce\\nmx: mx.a.test\\nmax_age: 604800\\n", no},
      {"a comment is no field", "# our policy\n" + sound, no},
      {"quotes around a value are part of it", "version: \"STSv1\"\nmode: enforce\nmx: mx.a.test\n" + tail,
       no},
      {"a NUL at the end is a line that means nothing", sound + std::string(1, '\0'), no},
      {"UTF-16 is no policy", std::string("\xFF\xFEv\0e\0r\0", 8), no},
      {"a body that goes on beyond 64 KiB is not read", sound + std::string(policy_size_limit, '\n'), no},
  };
  for (const Verdict& verdict : verdicts) {
    CAPTURE(verdict.why);
    CHECK(in_force(verdict.text) == verdict.in_force);
  }
}

TEST_CASE("servers seen in the wild") {
  struct Verdict {
    std::string why;
    http::Page page;
    std::string in_force;
  };
  const auto error = [](http::FetchError what) { return http::Page{.error = what, .reason = "why"}; };
  const auto served = [](std::string type, std::string body) {
    return http::Page{.status = 200, .content_type = std::move(type), .body = std::move(body)};
  };
  const std::vector<Verdict> verdicts{
      {"no Content-Type: the server does not know the file", served("", sound), enforced},
      {"octet-stream: neither does this one", served("application/octet-stream", sound), enforced},
      {"a charset, which section 3.3 ignores", served("text/plain; charset=UTF-8", sound), enforced},
      {"HTML that holds a policy is still what anybody can put there", served("text/html", sound), no},
      {"HTML with status 200: an error page, or a captive portal", served("text/html", "<html></html>"), no},
      {"HTML that calls itself plain text", served("text/plain", "<html></html>"), no},
      {"HTML with status 404", error(http::FetchError::status), no},
      {"a redirect to www: section 3.3 forbids to follow it", error(http::FetchError::redirect), no},
      {"a wrong certificate", error(http::FetchError::certificate), no},
      {"an endless body", error(http::FetchError::too_large), no},
      {"JSON", served("application/json", R"({"version": "STSv1"})"), no},
  };
  for (const Verdict& verdict : verdicts) {
    CAPTURE(verdict.why);
    CHECK(in_force(discovery::classify_fetch(verdict.page)) == verdict.in_force);
  }
}

TEST_CASE("a body that changed without its id is found at the next re-check") {
  const DomainName domain = name("a.test");
  const Time start = at("2026-11-22T12:00:00Z");
  PolicyState policy_state = after_fetch({}, domain, "1", brought(sound), start);
  const Time due = policy_state.next_fetch;
  CHECK_FALSE(must_fetch(policy_state, record("1"), due - std::chrono::milliseconds{1}));
  REQUIRE(must_fetch(policy_state, record("1"), due));
  policy_state = after_fetch(policy_state, domain, "1",
                             brought(policy_text("testing", "mx2.a.test", std::chrono::hours{24})), due);
  CHECK(policy_state.valid(due)->policy.mode == Mode::testing);
}

TEST_CASE("the id changed but the body did not: it is fetched once, and is valid for its max_age from then") {
  const DomainName domain = name("a.test");
  const Time start = at("2026-11-22T12:00:00Z");
  const Time later = start + std::chrono::hours{1};
  PolicyState policy_state = after_fetch({}, domain, "1", brought(sound), start);
  REQUIRE(must_fetch(policy_state, record("2"), later));
  policy_state = after_fetch(policy_state, domain, "2", brought(sound), later);
  CHECK_FALSE(must_fetch(policy_state, record("2"), later));
  CHECK(policy_state.policy->expires() == later + std::chrono::seconds{604'800});
}
