#include "base/next_hop.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

TEST_CASE("a next-hop is a domain, or a host in brackets, with or without a port") {
  struct Case {
    std::string text, shown, domain;
    std::uint16_t port;
    bool is_host, is_domain;
  };
  const std::vector<Case> cases{
      {"relay.example", "relay.example", "relay.example", 25, false, true},
      {"Relay.Example.", "relay.example", "relay.example", 25, false, true},
      {"relay.example:587", "relay.example:587", "relay.example", 587, false, false},
      {"relay.example:25", "relay.example:25", "relay.example", 25, false, false},
      {"relay.example:Submission", "relay.example:submission", "relay.example", 587, false, false},
      {"[smtp.relay.example]", "[smtp.relay.example]", "smtp.relay.example", 25, true, false},
      {"[SMTP.relay.example]:587", "[smtp.relay.example]:587", "smtp.relay.example", 587, true, false},
      {"[smtp.relay.example]:smtps", "[smtp.relay.example]:smtps", "smtp.relay.example", 465, true, false},
      {"[xn--ls8h.la]:submissions", "[xn--ls8h.la]:submissions", "xn--ls8h.la", 465, true, false},
      {"[b\xc3\xbc"
       "cher.example]:smtp",
       "[xn--bcher-kva.example]:smtp", "xn--bcher-kva.example", 25, true, false},
      {"[localhost]:10025", "[localhost]:10025", "localhost", 10025, true, false},
      {"dead.be:24", "dead.be:24", "dead.be", 24, false, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const NextHop next_hop = good(NextHop::parse(c.text));
    CHECK(next_hop.str() == c.shown);
    CHECK(next_hop.domain().str() == c.domain);
    CHECK(next_hop.port() == c.port);
    CHECK(next_hop.is_host() == c.is_host);
    CHECK(next_hop.is_domain() == c.is_domain);
    CHECK(good(NextHop::parse(c.shown)) == next_hop);
  }
  const NextHop of_recipient = good(DomainName::parse("a.test"));
  CHECK(of_recipient == good(NextHop::parse("a.test")));
}

TEST_CASE("an address is no next-hop with a policy domain") {
  for (const char* text : {"[192.0.2.1]", "[192.0.2.1]:587", "192.0.2.1", "192.0.2.1:25",
                           "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]:587", "[2001:db8::1]",
                           "[::1]:submission", "[127.1]:smtp", "relay.123", "[0x7f.1]:25"}) {
    CAPTURE(text);
    const std::string why = bad(NextHop::parse(text)).message;
    CHECK((why.find("is an address") != why.npos || why.find("as an address does") != why.npos));
  }
}

TEST_CASE("an invalid next-hop is refused") {
  for (const std::string& text : {std::string(),
                                  std::string("."),
                                  std::string(".example.org"),
                                  std::string(":587"),
                                  std::string("[]"),
                                  std::string("[]:587"),
                                  std::string("[a.test"),
                                  std::string("a.test]"),
                                  std::string("[a.test]587"),
                                  std::string("[a.test]:"),
                                  std::string("a.test:"),
                                  std::string("a.test:0"),
                                  std::string("a.test:65536"),
                                  std::string("a.test:-1"),
                                  std::string("a.test:587x"),
                                  std::string("a.test:no-such-service"),
                                  std::string("a.test:5 87"),
                                  std::string("a.test:587:587"),
                                  std::string("[a.test]:587]"),
                                  std::string("[[a.test]]"),
                                  std::string("a_b.test:587"),
                                  std::string("smtp:[a.test]:587"),
                                  std::string("a.test:\0", 8),
                                  "a.test:" + std::string(100, '1'),
                                  std::string("private/lmtp")}) {
    CAPTURE(text);
    CHECK(bad(NextHop::parse(text)).fault == Fault::data);
  }
}
