#include "postgres/url.h"

#include "support.h"

using namespace starttls;
using namespace starttls::postgres;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

Target only(const std::string& url) {
  auto targets = good(targets_of(url, {}));
  REQUIRE(targets.size() == 1);
  return targets.front();
}

}  // namespace

TEST_CASE("a URL says where and who; encoding and limits of time are ours") {
  auto [parameters, limit] = only("postgresql://mx:pass%40word@db.example:5433/tlsrpt?sslmode=verify-full");
  CHECK(parameters["host"] == "db.example");
  CHECK(parameters["port"] == "5433");
  CHECK(parameters["user"] == "mx");
  CHECK(parameters["password"] == "pass@word");
  CHECK(parameters["dbname"] == "tlsrpt");
  CHECK(parameters["sslmode"] == "verify-full");
  CHECK(parameters["client_encoding"] == "UTF8");
  CHECK(parameters["fallback_application_name"] == "starttls-toolkit");
  CHECK(parameters["tcp_user_timeout"] == "30000");
  CHECK(limit == 5s);
}

TEST_CASE("what the URL says of time and keepalives comes first") {
  auto [parameters, limit] = only(
      "postgres://h/d?connect_timeout=20&keepalives_idle=5&tcp_user_timeout=7000&client_encoding=LATIN1");
  CHECK(limit == 20s);
  CHECK(parameters["keepalives_idle"] == "5");
  CHECK(parameters["tcp_user_timeout"] == "7000");
  CHECK(parameters["client_encoding"] == "UTF8");
  CHECK(only("postgres://h/d?connect_timeout=0").limit == 5s);  // libpq would wait for ever
}

TEST_CASE("each host of a URL has its turn") {
  auto targets = good(targets_of("postgresql://a:1,b:2,c/d", {}));
  REQUIRE(targets.size() == 3);
  CHECK(targets[0].parameters["host"] == "a");
  CHECK(targets[1].parameters["port"] == "2");
  CHECK(targets[2].parameters["host"] == "c");
  CHECK(targets[2].parameters["port"].empty());
  CHECK(good(targets_of("postgresql:///d?host=a,b&port=7", {}))[1].parameters["port"] == "7");
}

TEST_CASE("an error about a URL tells nothing of a password") {
  for (const char* url : {
           "postgresql://user:secret@[::1/d",          //
           "postgresql://user:secret@h/d?nonsense=1",  //
           "postgresql://user:%zzsecret@h/d",          //
           "postgresql://user:p@secret@h/d",           // '@' in the password
           "postgresql://user:secret/more@h/d",        // '/' in the password
           "postgresql://user:0@secret/d@h/d",         //
           "postgresql://user:1/secret@h/d",           //
           "postgresql://user:x@h:secret/d",           //
           "postgresql:///d?host=a,b&port=1,2,3",      //
           "secret",                                   //
           "host=h password=secret",                   //
       }) {
    INFO(url);
    const auto error = bad(targets_of(url, {}));
    CHECK(error.fault == Fault::config);
    CHECK(error.message.find("secret") == std::string::npos);
  }
}

TEST_CASE("what is a URL") {
  CHECK(is_url("postgresql://"));
  CHECK(is_url("postgres://h/d"));
  CHECK_FALSE(is_url("/var/lib/tlsrpt.sqlite"));
  CHECK_FALSE(is_url("host=h"));
}
