#include "config/address.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using config::Address;
using config::parse_address;
using Family = Address::Family;

TEST_CASE("addresses of listening sockets are read in each of their forms") {
  struct Case {
    const char* text;
    Address expected;
  };
  const Case cases[] = {
      {"unix:/run/starttls-toolkit/socketmap.sock", {.path = "/run/starttls-toolkit/socketmap.sock"}},
      {"unix:/a:b@c", {.path = "/a:b@c"}},
      {"local:/run/s", {.path = "/run/s"}},
      {"inet:127.0.0.1:8461", {.host = "127.0.0.1", .port = 8461}},
      {"127.0.0.1:8461", {.host = "127.0.0.1", .port = 8461}},
      {"inet:localhost:1", {.host = "localhost", .port = 1}},
      {"localhost:1", {.host = "localhost", .port = 1}},
      {"mx-1.example_x.org:1", {.host = "mx-1.example_x.org", .port = 1}},
      {"inet:[::1]:65535", {.host = "::1", .port = 65535}},
      {"[::1]:65535", {.host = "::1", .port = 65535}},
      {"[2001:db8::1]:9461", {.host = "2001:db8::1", .port = 9461}},
      {"inet6:[::1]:25", {.host = "::1", .port = 25, .family = Family::ipv6}},
      {"inet6:localhost:25", {.host = "localhost", .port = 25, .family = Family::ipv6}},
      {"inet:8891@127.0.0.1", {.host = "127.0.0.1", .port = 8891}},
      {"inet:8891@localhost", {.host = "localhost", .port = 8891}},
      {"inet6:8891@[::1]", {.host = "::1", .port = 8891, .family = Family::ipv6}},
      {"inet:8891", {.port = 8891, .family = Family::ipv4}},
      {"inet6:8891", {.port = 8891, .family = Family::ipv6}},
      {"inet:0.0.0.0:8891", {.host = "0.0.0.0", .port = 8891}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    const Address address = good(parse_address(text));
    CHECK(address == expected);
    CHECK(config::to_string(address) == text);
  }
}

TEST_CASE("a text that is no address is an error with its reason and the text") {
  struct Case {
    std::string text;
    const char* why;
  };
  const Case cases[] = {
      {"", "which has no host and port"},
      {"9461", "which has no host and port"},
      {"/run/socket", "which has no host and port"},
      {"unix:", "whose path is not absolute"},
      {"unix:relative", "whose path is not absolute"},
      {"unix:tlsrpt/milter.sock", "whose path is not absolute"},
      {"unix:/", "whose path names a directory"},
      {"unix:/run/", "whose path names a directory"},
      {"unix:/" + std::string(107, 'x'), "whose path is too long"},
      {"inet:", "which has no host and port"},
      {"inet:127.0.0.1", "which has no host and port"},
      {"inet:[::1]", "which has no host and port"},
      {"127.0.0.1", "which has no host and port"},
      {"8891@127.0.0.1", "which has no host and port"},
      {"inet::8461", "which has no host"},
      {":8461", "which has no host"},
      {"inet:8461@", "which has no host"},
      {"inet:[]:8461", "no IPv6 address in brackets"},
      {"inet:[127.0.0.1x]:8461", "no IPv6 address in brackets"},
      {"inet:::1:8461", "needs brackets"},
      {"inet:::1:x", "no number from 1 to 65535"},
      {"inet:inet:127.0.0.1:8461", "no IPv6 address in brackets"},
      {"inet:inet:8461", ""},
      {"unix:unix:/run/s", "whose path is not absolute"},
      {"inet:127.0.0.1:0", "no number from 1 to 65535"},
      {"inet:127.0.0.1:65536", "no number from 1 to 65535"},
      {"inet:127.0.0.1:+1", "no number from 1 to 65535"},
      {"inet:127.0.0.1:1x", "no number from 1 to 65535"},
      {"inet:127.0.0.1:", "no number from 1 to 65535"},
      {"inet:0", "no number from 1 to 65535"},
      {"inet:127.0.0:1", "neither an address nor a host name"},
      {"inet:1.2.3.4.5:1", "neither an address nor a host name"},
      {"inet:a b:1", "neither an address nor a host name"},
      {"inet:-a:1", "neither an address nor a host name"},
      {"inet:a..b:1", "neither an address nor a host name"},
      {"http://localhost:9461", ""},
      {"inet6:127.0.0.1:1", "IPv4 address after inet6:"},
      {"tcp:localhost:1", ""},
      {std::string("unix:/a\0b", 9), "NUL"},
  };
  for (const auto& [text, why] : cases) {
    CAPTURE(text);
    const auto address = parse_address(text);
    if (std::string_view(why).empty()) {
      CHECK((!address || config::to_string(*address) == text));
      continue;
    }
    const Error error = bad(address);
    CHECK(error.fault == Fault::config);
    CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring(why) &&
                                  Catch::Matchers::EndsWith(R"(write "inet:HOST:PORT" or "unix:/PATH")"));
    if (text.size() < 100 && text.find('\0') == text.npos)
      CHECK_THAT(error.message, Catch::Matchers::StartsWith("is '" + text + "', "));
  }
}

TEST_CASE("an address is given to libmilter in the one form that it reads on every system") {
  const auto form = [](const char* text) {
    return good(config::to_libmilter_string(good(parse_address(text))));
  };
  CHECK(form("local:/run/s") == "unix:/run/s");
  CHECK(form("127.0.0.1:25") == "inet:25@[127.0.0.1]");
  CHECK(form("inet:25@127.0.0.1") == "inet:25@[127.0.0.1]");
  CHECK(form("[::1]:25") == "inet6:25@[::1]");
  CHECK(form("inet:25") == "inet:25@[0.0.0.0]");
  CHECK(form("inet6:25") == "inet6:25@[::]");
}
