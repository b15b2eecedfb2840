#include "base/domain.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

TEST_CASE("names become lower-case A-labels without a trailing dot") {
  CHECK(good(DomainName::parse("Example.ORG")).str() == "example.org");
  CHECK(good(DomainName::parse("example.org.")).str() == "example.org");
  CHECK(good(DomainName::parse("b\xc3\xbc"
                               "cher.example"))
            .str() == "xn--bcher-kva.example");
  CHECK(good(DomainName::parse("B\xc3\x9c"
                               "CHER.example"))
            .str() == "xn--bcher-kva.example");
  CHECK(good(DomainName::parse("XN--BCHER-KVA.example")).str() == "xn--bcher-kva.example");
  CHECK(good(DomainName::parse("1und1.de")).str() == "1und1.de");
  CHECK(good(DomainName::parse(std::string(63, 'a') + ".test")).str().size() == 68);
}

TEST_CASE("what is no host name is refused with the reason") {
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(63, 'd') + ".test";
  for (const std::string& text :
       {std::string(), std::string("."), std::string("a..b"), std::string(".example.org"),
        std::string("a b.test"), std::string("_mta-sts.example.org"), std::string("-a.test"),
        std::string("a-.test"), std::string("192.0.2.1"), std::string("[192.0.2.1]"),
        std::string("*.example.org"), std::string("a.test\nb.test"), std::string("a\0b.test", 8),
        std::string("\xff\xfe.test"), long_name, std::string(64, 'a') + ".test", std::string(100000, 'x'),
        std::string("xn--a.test"), std::string("example.org..")}) {
    CAPTURE(text);
    CHECK(bad(DomainName::parse(text)).fault == Fault::data);
  }
  CHECK(bad(DomainName::parse("192.0.2.1")).message == "'192.0.2.1' is an address, not a name");
  CHECK(bad(DomainName::parse("a\x1b[31m.test")).message.find('\x1b') == std::string::npos);
}

TEST_CASE("what is plain is what would come out as it went in") {
  for (const std::string& text :
       {std::string("example.org"), std::string("a"), std::string("1und1.de"), std::string("a-b.c-d.test"),
        std::string("a--b.test"), std::string(63, 'a') + ".test", std::string("1.2.3.x")}) {
    CAPTURE(text);
    CHECK(DomainName::is_plain(text));
    CHECK(good(DomainName::parse(text)).str() == text);
  }
  for (const std::string& text :
       {std::string(), std::string("Example.org"), std::string("example.org."), std::string("."),
        std::string("a..b"), std::string(".a"), std::string("-a.test"), std::string("a-.test"),
        std::string("a.test-"), std::string("192.0.2.1"), std::string("a_b.test"),
        std::string("xn--bcher-kva.example"), std::string("ab--c.test"), std::string("a b"),
        std::string("a\0b", 3), std::string(64, 'a') + ".test", std::string(254, 'a'), std::string("a.7")}) {
    CAPTURE(text);
    CHECK_FALSE(DomainName::is_plain(text));
  }
}
