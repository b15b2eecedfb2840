#include "discovery/classify.h"

#include "mtasts/examples.h"

using namespace starttls;
using namespace starttls::discovery;
using namespace starttls::mtasts;
using namespace starttls::test;

namespace {

dns::Answer texts(std::vector<std::string> texts) {
  return {.status = dns::Status::found, .texts = std::move(texts)};
}

http::Page page(std::string content_type, std::string body) {
  return {.status = 200, .content_type = std::move(content_type), .body = std::move(body)};
}

const std::string policy = policy_text("enforce", "mx.example.org", std::chrono::hours{24});

}  // namespace

TEST_CASE("the answer of the DNS is a record, no record, or a temporary error") {
  using Kind = RecordState::Kind;
  struct Case {
    dns::Answer answer;
    Kind kind;
    std::string id;
    std::string reason;
  };
  const std::vector<Case> cases{
      {texts({"v=STSv1; id=7;"}), Kind::record, "7", ""},
      {texts({"v=spf1 -all", "v=STSv1; id=7;"}), Kind::record, "7", ""},
      {{.status = dns::Status::nxdomain}, Kind::none, "", "there is no TXT record"},
      {{.status = dns::Status::nodata}, Kind::none, "", "there is no TXT record"},
      {texts({"v=spf1 -all"}), Kind::none, "", "1:1: no record begins with 'v=STSv1;'"},
      {texts({"v=STSv1; id=7;", "v=STSv1; id=8;"}), Kind::none, "",
       "2:1: 2 records begin with 'v=STSv1;': where there is more than one, none counts"},
      {texts({"v=STSv1; id=a+b;"}), Kind::none, "", "1:14: id: 'a+b' is not only letters and digits"},
      {{.status = dns::Status::failed, .reason = "no answer in 5 s"}, Kind::unknown, "", "no answer in 5 s"},
      {{.status = dns::Status::failed, .dnssec = dns::Dnssec::bogus, .reason = "bogus"},
       Kind::unknown,
       "",
       "bogus"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.answer.texts, one.reason);
    const RecordAnswer found = classify_record(one.answer);
    CHECK(found.state.kind == one.kind);
    CHECK(found.state.id == one.id);
    CHECK(found.reason == one.reason);
  }
}

TEST_CASE("a policy is text/plain, or of a type that the server does not recognize") {
  for (const char* type : {"text/plain", "text/plain; charset=utf-8", "TEXT/Plain ;charset=\"us-ascii\"",
                           "text/plain;charset=iso-8859-1", "text/plain;", "", "application/octet-stream"}) {
    CAPTURE(type);
    CHECK(is_type_of_policy(type));
  }
  for (const char* type : {"text/html", "text/html; charset=utf-8", "text/plainer", "text", "text/*",
                           "image/png", "application/json", "text/html, text/plain", ";charset=utf-8"}) {
    CAPTURE(type);
    CHECK_FALSE(is_type_of_policy(type));
  }
}

TEST_CASE("a page that is a policy gives the policy as it was served") {
  const FetchOutcome outcome = classify_fetch(page("text/plain", policy));
  REQUIRE(outcome.policy);
  CHECK(outcome.policy->mode == Mode::enforce);
  CHECK(outcome.text == policy);
}

TEST_CASE("a page that is no policy gives the type of the failure and its reason") {
  struct Case {
    http::Page page;
    std::string type;
    std::string reason;
  };
  const auto error = [](http::FetchError what, std::string reason) {
    return http::Page{.error = what, .reason = std::move(reason)};
  };
  const std::vector<Case> cases{
      {error(http::FetchError::certificate, "of another name"), "sts-webpki-invalid", "of another name"},
      {error(http::FetchError::tls, "no TLS 1.2"), "sts-policy-fetch-error", "no TLS 1.2"},
      {error(http::FetchError::address, "private"), "sts-policy-fetch-error", "private"},
      {error(http::FetchError::connection, "refused"), "sts-policy-fetch-error", "refused"},
      {error(http::FetchError::redirect, "status 301"), "sts-policy-fetch-error", "status 301"},
      {error(http::FetchError::status, "status 404"), "sts-policy-fetch-error", "status 404"},
      {error(http::FetchError::too_large, "too large"), "sts-policy-fetch-error", "too large"},
      {error(http::FetchError::timeout, "no end in 60 s"), "sts-policy-fetch-error", "no end in 60 s"},
      {page("text/html", policy), "sts-policy-invalid", "Content-Type is 'text/html', not 'text/plain'"},
      {page("text/plain", "<html>"), "sts-policy-invalid",
       "the policy is refused: 1:1: is a web page (HTML or XML), not a policy"},
      {page("", "<!DOCTYPE html>"), "sts-policy-invalid",
       "the policy is refused: 1:1: is a web page (HTML or XML), not a policy"},
      {page("text/plain", ""), "sts-policy-invalid", "the policy is refused: 1:1: has no version"},
      {page("text/plain", "version: STSv1\nmode: enforce\nnmx: mx.a.test\nmax_age: 86400\n"),
       "sts-policy-invalid", "the policy is refused: 1:1: has no mx"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.reason);
    const FetchOutcome outcome = classify_fetch(one.page);
    CHECK_FALSE(outcome.policy);
    CHECK(to_string(outcome.failure) == one.type);
    CHECK(outcome.reason == one.reason);
  }
}
