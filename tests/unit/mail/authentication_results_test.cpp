#include "mail/authentication_results.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mail;

namespace {

// "dkim=pass header.d=example.org", one line for each result.
std::string in_words(const AuthenticationResults& field) {
  std::string text = field.authserv_id + ":";
  for (const AuthenticationResult& result : field.results) {
    text += fmt::format(" {}={}", result.method, result.result);
    for (const auto& property : result.properties)
      text += fmt::format(" {}.{}={}", property.type, property.name, property.value);
    text += ";";
  }
  return text;
}

std::string parsed(std::string_view value) {
  const auto field = parse_authentication_results(value);
  return field ? in_words(*field) : "(none)";
}

}  // namespace

TEST_CASE("results are read in the form of RFC 8601, and in the forms of mail servers") {
  struct Row {
    const char* value;
    const char* words;
  };
  const Row good[] = {
      {"example.org 1; none", "example.org:"},
      {"example.org; none", "example.org:"},
      {"example.org", "example.org:"},
      {"mx.example.org; dkim=pass header.d=sender.test", "mx.example.org: dkim=pass header.d=sender.test;"},
      {"mx.example.org 1; dkim=pass header.d=sender.test;",
       "mx.example.org: dkim=pass header.d=sender.test;"},
      // OpenDKIM, folded.
      {"mx.example.org;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=sender.test "
       "header.i=@sender.test\r\n\theader.a=rsa-sha256 header.s=s1 header.b=Ab/c+d=;\r\n\tdkim-atps=neutral",
       "mx.example.org: dkim=pass header.d=sender.test header.i=@sender.test header.a=rsa-sha256 header.s=s1 "
       "header.b=Ab/c+d=; dkim-atps=neutral;"},
      // rspamd, several methods.
      {"mx.example.org; dkim=pass header.d=sender.test header.s=s1 header.b=x; spf=pass (mx.example.org: "
       "domain of a@sender.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@sender.test; "
       "dmarc=pass (policy=reject) header.from=sender.test",
       "mx.example.org: dkim=pass header.d=sender.test header.s=s1 header.b=x; spf=pass "
       "smtp.mailfrom=a@sender.test; dmarc=pass header.from=sender.test;"},
      // RFC 8601 appendix B.6: comments everywhere.
      {"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) "
       "fail\r\n "
       "policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting "
       "it) "
       "1362471462",
       "foo.example.net: dkim=fail policy.expired=1362471462;"},
      {"mx; dkim=pass reason=\"dkim=fail; header.d=x\" header.d=\"sender.test\"",
       "mx: dkim=pass header.d=sender.test;"},
      {"\"mx.example.org\"; dkim=pass header.d=a", "mx.example.org: dkim=pass header.d=a;"},
      {"mx; DKIM=Pass Header.D=A.test", "mx: dkim=pass header.d=A.test;"},
      {"mx; dkim=pass ((nested) header.d=evil.test (\\)) more) header.d=a.test",
       "mx: dkim=pass header.d=a.test;"},
      {"mx; dmarc=pass action=none header.from=a.test; compauth=pass reason=100",
       "mx: dmarc=pass header.from=a.test; compauth=pass;"},
      {"mx; ; dkim=pass header.d=a; ;", "mx: dkim=pass header.d=a;"},
  };
  for (const auto& [value, words] : good) CHECK(parsed(value) == words);
}

TEST_CASE("another field, or one without an end, has no results") {
  for (const std::string& bad :
       {std::string(""), std::string(" "), std::string("; dkim=pass"),
        std::string("mx 2; dkim=pass header.d=a"), std::string("mx 11; dkim=pass header.d=a"),
        std::string("mx dkim=pass; dkim=pass header.d=a"), std::string("mx; dkim=pass (no end header.d=a"),
        std::string("mx; dkim=pass header.d=\"a"),
        // Microsoft leaves out the authserv-id.
        std::string("spf=pass smtp.mailfrom=a; dkim=pass header.d=a"),
        std::string("mx; dkim=pass \0 header.d=a", 27),
        "mx; dkim=pass " + std::string(max_authentication_field, 'x')}) {
    CHECK(parsed(bad) == "(none)");
  }
  std::string many = "mx";
  for (std::size_t at = 0; at <= max_authentication_results; ++at) many += "; dkim=pass header.d=a";
  CHECK(parsed(many) == "(none)");
  CHECK(parsed("mx; " + std::string(10'000, '(')) == "(none)");
}

TEST_CASE("text in comments and quoted strings is no result") {
  CHECK(parsed("mx; spf=fail (x; dkim=pass header.d=a) smtp.mailfrom=b") == "mx: spf=fail smtp.mailfrom=b;");
  CHECK(parsed("mx; spf=fail smtp.mailfrom=\"x; dkim=pass header.d=a\"") ==
        "mx: spf=fail smtp.mailfrom=x; dkim=pass header.d=a;");
  CHECK(parsed("mx; spf=fail smtp.mailfrom=\"a\\\"; dkim=pass header.d=a\"") ==
        "mx: spf=fail smtp.mailfrom=a\"; dkim=pass header.d=a;");
}

TEST_CASE("a property that occurs twice has no value") {
  const auto field = parse_authentication_results("mx; dkim=pass header.d=a header.d=b header.s=s");
  REQUIRE(field);
  CHECK_FALSE(field->results[0].property("header", "d"));
  CHECK(field->results[0].property("header", "s") == "s");
  CHECK_FALSE(field->results[0].property("header", "x"));
}

TEST_CASE("the owner of a field is known even if the rest of the field is broken") {
  CHECK(parse_authserv_id("mx.example.org; dkim=pass (no end") == "mx.example.org");
  CHECK(parse_authserv_id("(a; b) mx.example.org 7") == "mx.example.org");
  CHECK(parse_authserv_id("mx.example.org.evil.test; dkim=pass") == "mx.example.org.evil.test");
  CHECK_FALSE(parse_authserv_id("(no end; mx.example.org"));
  CHECK_FALSE(parse_authserv_id(""));
}
