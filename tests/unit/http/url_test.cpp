#include "http/url.h"

#include "http/validators.h"
#include "support.h"

using namespace starttls;
using namespace starttls::http;
using namespace starttls::test;

namespace {

std::string refusal(const std::string& text) {
  const Error error = bad(is_https_url(text));
  CHECK(error.fault == Fault::config);
  return error.message;
}

}  // namespace

TEST_CASE("https URLs are distinguished from everything else") {
  for (const char* url :
       {"https://lists.example.org/list.json", "HTTPS://LISTS.example.org",
        "https://lists.example.org:8443/a?b=c#d", "https://user:secret@lists.example.org/a",
        "https://192.0.2.1/a", "https://[2001:db8::1]:443/a", "https://xn--bcher-kva.example/a%20b"}) {
    CAPTURE(url);
    CHECK(is_https_url(url).has_value());
  }
  for (const std::string& url :
       std::vector<std::string>{"http://lists.example.org/", "file:///etc/passwd", "ftp://lists.example.org/",
                                "lists.example.org", "//lists.example.org/", "https:/lists.example.org/",
                                "https:lists.example.org", "https", "javascript:x"}) {
    CAPTURE(url);
    CHECK(refusal(url) == "not an https URL: it does not begin with https://");
  }
  for (const std::string& url : std::vector<std::string>{
           "https://a.test/b c", "https://a.test/\n", " https://a.test/", "https://a.test/\xc3\xa9",
           "https://a.test/\x7f", std::string("https://a.test/\0", 16)}) {
    CAPTURE(url);
    CHECK(refusal(url) ==
          "not an https URL: it holds a blank, a control character or a character outside ASCII");
  }
  CHECK(refusal("") == "not an https URL: it is empty");
  CHECK(refusal("https:///list.json") == "not an https URL: it has no host");
  for (const char* url : {"https://", "https://:443/", "https://?a", "https://#a", "https://user@/",
                          "https://a.test:99999/", "https://a.test:x/", "https://[::1/", "https://a b/"}) {
    CAPTURE(url);
    CHECK(bad(is_https_url(url)).fault == Fault::config);
  }
  const std::string longest = "https://a.test/" + std::string(url_size_limit - 15, 'x');
  CHECK(is_https_url(longest).has_value());
  CHECK(refusal(longest + "x") == "not an https URL: longer than 2048 bytes");
}

TEST_CASE("a refused URL is not shown, because a password may be in it") {
  for (const char* url : {"http://user:secret@a.test/", "https://user:secret@/",
                          "https://user:secret@a.test:x/", "https://user:secret@a.test/ "}) {
    CAPTURE(url);
    CHECK(refusal(url).find("secret") == std::string::npos);
  }
}

TEST_CASE("the signature's name is appended to the path, never to the query") {
  const auto minisig = [](std::string_view url) { return good(signature_url(url, ".minisig")); };
  CHECK(minisig("https://a.test/list.json") == "https://a.test/list.json.minisig");
  CHECK(minisig("https://a.test/list.json?v=1&w=/x") == "https://a.test/list.json.minisig?v=1&w=/x");
  CHECK(minisig("https://a.test/list.json#newest") == "https://a.test/list.json.minisig");
  CHECK(minisig("https://a.test/list.json?v=1#newest") == "https://a.test/list.json.minisig?v=1");
  CHECK(minisig("https://a.test:8443/a%20b/l%3fst") == "https://a.test:8443/a%20b/l%3fst.minisig");
  CHECK(minisig("https://user:secret@a.test/list") == "https://user:secret@a.test/list.minisig");
  CHECK(good(signature_url("https://a.test/list.json", ".asc")) == "https://a.test/list.json.asc");
}

TEST_CASE("if the path names no file, the signature's URL cannot be derived") {
  for (const char* url : {"https://a.test", "https://a.test/", "https://a.test/latest/",
                          "https://a.test?file=list.json", "https://a.test/?file=list.json"}) {
    CAPTURE(url);
    CHECK(bad(signature_url(url, ".minisig")).message.find("names no file") != std::string::npos);
  }
  CHECK(bad(signature_url("http://a.test/list.json", ".minisig")).fault == Fault::config);
}

TEST_CASE("a file beside another has the same query") {
  const auto keys = [](std::string_view url) { return good(sibling_url(url, "keys.1.json")); };
  CHECK(keys("https://a.test/list.json") == "https://a.test/keys.1.json");
  CHECK(keys("https://a.test/b%20c/list.json?v=/1#newest") == "https://a.test/b%20c/keys.1.json?v=/1");
  CHECK(keys("https://a.test:8443/b/") == "https://a.test:8443/b/keys.1.json");
  CHECK(keys("https://a.test") == "https://a.test/keys.1.json");
  CHECK(bad(sibling_url("http://a.test/list.json", "x")).fault == Fault::config);
}

TEST_CASE("a URL is shown without user name, password and query") {
  CHECK(shown("https://user:secret@a.test:8443/list.json?token=secret#secret") ==
        "https://a.test:8443/list.json");
  CHECK(shown("http://user:secret@a.test/") == "http://a.test/");
  CHECK(shown("file:///etc/passwd") == "file:///etc/passwd");
  for (const char* url : {"", "secret", "https://user:secret@a.test:x/", "https://user:secret@"}) {
    CAPTURE(url);
    CHECK(shown(url) == "(no URL)");
    CHECK(without_userinfo(url).empty());
  }
  CHECK(without_userinfo("https://user:secret@a.test/list?v=1") == "https://a.test/list?v=1");
}

TEST_CASE("a Location is shown without user name, password and query, relative or not") {
  CHECK(shown_location("https://user:secret@a.test/list?token=secret#secret") == "https://a.test/list");
  CHECK(shown_location("//user@secret@a.test") == "//a.test");
  CHECK(shown_location("/login?secret") == "/login");
  CHECK(shown_location("?secret").empty());
  CHECK(shown_location("https://a.test/@b") == "https://a.test/@b");
}

TEST_CASE("the name of the file in a URL is the last part of its path, decoded") {
  CHECK(file_name("https://a.test/x/list.json?token=/y#/z") == "list.json");
  CHECK(file_name("https://a.test/my%20list.json") == "my list.json");
  for (const char* url :
       {"https://a.test", "https://a.test/", "https://a.test/x/", "https://a.test/?f=a", ""}) {
    CHECK(file_name(url).empty());
  }
}

TEST_CASE("validators that could break a file or a request are ignored") {
  for (const char* text : {"\"abc\"", "W/\"abc\"", "Sun, 22 Nov 2026 14:48:59 GMT", "unquoted"}) {
    CHECK(is_validator(text));
  }
  for (const std::string& text : std::vector<std::string>{
           "", "\"a\nb\"", "\"a\rb\"", "\"a\tb\"", std::string("\"a\0b\"", 5), "\"\x1b[31m\"", "\"\x7f\"",
           "\"\xc3\xa9\"", std::string(validator_size_limit + 1, 'x')}) {
    CAPTURE(text);
    CHECK_FALSE(is_validator(text));
  }
  CHECK(is_validator(std::string(validator_size_limit, 'x')));
}
