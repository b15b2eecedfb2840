#include "preload/mx_pattern.h"

#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

TEST_CASE("a pattern is a host name or a suffix, in lower-case A-labels") {
  CHECK(good(MxPattern::parse("MX1.Example.ORG.")).str() == "mx1.example.org");
  CHECK(good(MxPattern::parse(".Example.org")).str() == ".example.org");
  CHECK(good(MxPattern::parse(".b\xc3\xbc"
                              "cher.example"))
            .str() == ".xn--bcher-kva.example");
  CHECK(good(MxPattern::parse(".example.org")).is_suffix());
  CHECK_FALSE(good(MxPattern::parse("example.org")).is_suffix());
}

TEST_CASE("no pattern is one of Postfix's own keywords, or any other single label") {
  for (const char* text : {"hostname", "nexthop", "dot-nexthop", "HostName", "nexthop.",
                           "\xef\xbd\x8e"  // full-width n
                           "exthop",
                           "localhost"}) {
    CAPTURE(text);
    CHECK(bad(MxPattern::parse(text)).message.find("is a single label") != std::string::npos);
  }
  CHECK(good(MxPattern::parse("nexthop.test")).str() == "nexthop.test");
}

TEST_CASE("a text that a map could misread is no pattern") {
  for (const char* text :
       {"", ".", "..example.org", ".org", "*", "*.example.org", "mx*.example.org", "a.test:b.test",
        "a.test servername=x", "a.test\n", "192.0.2.1", "[192.0.2.1]", "mx_1.example.org", "-mx.example.org",
        "hostname=", "a,b.test", "\xff.example.org"}) {
    CAPTURE(text);
    CHECK(bad(MxPattern::parse(text)).fault == Fault::data);
  }
  CHECK(bad(MxPattern::parse(".")).message == "'.' is the null MX (RFC 7505), not an MX host");
  for (const char* text : {"..", "..example.org", "a..test"}) {
    CAPTURE(text);
    CHECK(bad(MxPattern::parse(text)).message.ends_with("has an empty label"));
  }
  CHECK(bad(MxPattern::parse("*.example.org")).message.find("'.example.org'") != std::string::npos);
}

TEST_CASE("a pattern in ASCII is used unchanged, whether or not its labels are A-labels") {
  for (const char* text : {"mx.xn--ls8h.la", ".xn--a.test", "xn--mller-kva-de.mail.protection.outlook.com"}) {
    CAPTURE(text);
    CHECK(good(MxPattern::parse(text)).str() == text);
    CHECK(MxPattern::is_plain(text));
  }
}
