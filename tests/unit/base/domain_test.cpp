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

TEST_CASE("a text that is no host name is refused with the reason") {
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(63, 'd') + ".test";
  for (const std::string& text : {std::string(),
                                  std::string("."),
                                  std::string("a..b"),
                                  std::string(".example.org"),
                                  std::string("a b.test"),
                                  std::string("_mta-sts.example.org"),
                                  std::string("-a.test"),
                                  std::string("a-.test"),
                                  std::string("192.0.2.1"),
                                  std::string("[192.0.2.1]"),
                                  std::string("*.example.org"),
                                  std::string("a.test\nb.test"),
                                  std::string("a\0b.test", 8),
                                  std::string("\xff\xfe.test"),
                                  long_name,
                                  std::string(64, 'a') + ".test",
                                  std::string(100000, 'x'),
                                  std::string("example.org.."),
                                  std::string(".."),
                                  std::string("[mx.example.org]"),
                                  std::string("mx.example.org:25"),
                                  std::string("mx.example.org:")}) {
    CAPTURE(text);
    CHECK(bad(DomainName::parse(text)).fault == Fault::data);
  }
  CHECK(bad(DomainName::parse("192.0.2.1")).message == "'192.0.2.1' is an address, not a name");
  CHECK(bad(DomainName::parse("a\x1b[31m.test")).message.find('\x1b') == std::string::npos);
}

TEST_CASE("a plain name is one that the conversion would not change") {
  for (const std::string& text :
       {std::string("example.org"), std::string("a"), std::string("1und1.de"), std::string("a-b.c-d.test"),
        std::string("a--b.test"), std::string(63, 'a') + ".test", std::string("1.2.3.x"),
        std::string("xn--bcher-kva.example"), std::string("xn--ls8h.la"), std::string("ab--c.test")}) {
    CAPTURE(text);
    CHECK(DomainName::is_plain(text));
    CHECK(good(DomainName::parse(text)).str() == text);
  }
  for (const std::string& text :
       {std::string(), std::string("Example.org"), std::string("example.org."), std::string("."),
        std::string("a..b"), std::string(".a"), std::string("-a.test"), std::string("a-.test"),
        std::string("a.test-"), std::string("192.0.2.1"), std::string("a_b.test"), std::string("XN--ls8h.la"),
        std::string("a b"), std::string("a\0b", 3), std::string(64, 'a') + ".test", std::string(254, 'a'),
        std::string("a.7"), std::string("a.0x7")}) {
    CAPTURE(text);
    CHECK_FALSE(DomainName::is_plain(text));
  }
}

TEST_CASE("labels in ASCII are used unchanged, also those that look like A-labels and are none") {
  for (const std::string& text :
       {std::string("xn--ls8h.la"),         // an emoji, as IDNA2003 allowed them
        std::string("mx.xn--ls8h.la"),      //
        std::string("xn--a.test"),          // no Punycode
        std::string("xn--0.test"),          //
        std::string("xn--a-b.test"),        //
        std::string("xn--xn--a-ecp.test"),  // converted twice
        std::string("xn--mller-kva-de.mail.protection.outlook.com"),
        std::string("xn--zca.example"),  // sharp s, which IDNA2003 mapped to "ss"
        std::string("xn--bcher-kva.xn--a.xn--ls8h"), "xn--" + std::string(59, '9') + ".test"}) {
    CAPTURE(text);
    CHECK(good(DomainName::parse(text)).str() == text);
    CHECK(DomainName::is_plain(text));
  }
  CHECK(good(DomainName::parse("XN--LS8H.La.")).str() == "xn--ls8h.la");
  CHECK(bad(DomainName::parse("xn--.test")).message.ends_with("begins or ends with a hyphen"));
  CHECK(bad(DomainName::parse("xn--a-.test")).message ==
        "'xn--a-.test' has a label that begins or ends with a hyphen");
  CHECK(bad(DomainName::parse("xn--" + std::string(60, 'a') + ".test"))
            .message.ends_with("has a label of more than 63 bytes"));
}

TEST_CASE("a U-label is converted next to any labels in ASCII") {
  const std::string u_label =
      "b\xc3\xbc"
      "cher";
  CHECK(good(DomainName::parse(u_label + ".xn--ls8h.la")).str() == "xn--bcher-kva.xn--ls8h.la");
  CHECK(good(DomainName::parse("xn--mller-kva-de." + u_label + ".example")).str() ==
        "xn--mller-kva-de.xn--bcher-kva.example");
  CHECK(good(DomainName::parse("a--b." + u_label + ".Example.")).str() == "a--b.xn--bcher-kva.example");
  // The full stops of other scripts.
  CHECK(good(DomainName::parse(u_label + "\xe3\x80\x82xn--a\xef\xbc\x8etest\xef\xbd\xa1")).str() ==
        "xn--bcher-kva.xn--a.test");
  CHECK(bad(DomainName::parse(u_label + "..test")).message.ends_with("has an empty label"));
  CHECK(bad(DomainName::parse(u_label + "._tcp.test")).message.ends_with("no host name may have"));
  // An emoji is no U-label.
  const std::string reason = bad(DomainName::parse("a.\xf0\x9f\x92\xa9.la")).message;
  CHECK(reason.starts_with("'\xf0\x9f\x92\xa9' cannot be converted to an A-label: "));
  CHECK(bad(DomainName::parse("xn--" + u_label + ".test")).fault == Fault::data);
}

TEST_CASE("the reason why a text is no name is the right one") {
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"", "'' is empty"},
      {".", "'.' is the root of the DNS, not a name"},
      {"..", "'..' has an empty label"},
      {"...", "'...' has an empty label"},
      {".example.org", "'.example.org' has an empty label"},
      {"a..b", "'a..b' has an empty label"},
      {"[mx.example.org]", "'[mx.example.org]' is in brackets, and a name is not"},
      {"mx.example.org:25", "'mx.example.org:25' has a character that no host name may have"},
      {"192.0.2.1", "'192.0.2.1' is an address, not a name"},
      {"192.0.2.1.", "'192.0.2.1.' is an address, not a name"},
      {"192.0.2.1:25", "'192.0.2.1:25' is an address, not a name"},
      {"2001:db8::25", "'2001:db8::25' is an address, not a name"},
      {"fe80::1%eth0", "'fe80::1%eth0' is an address, not a name"},
      {"[192.0.2.1]", "'[192.0.2.1]' is an address, not a name"},
      {"[IPv6:2001:db8::25]", "'[IPv6:2001:db8::25]' is an address, not a name"},
      {"IPv6:2001:db8::25", "'IPv6:2001:db8::25' is an address, not a name"},
      {"[IPv6:2001:db8::25]:25", "'[IPv6:2001:db8::25]:25' is an address, not a name"},
      {"mx.example.123", "'mx.example.123' ends with a number, as an address does and no name"},
      {"mx.example.0x7b", "'mx.example.0x7b' ends with a number, as an address does and no name"},
      {"0x7f.1", "'0x7f.1' ends with a number, as an address does and no name"},
      {"0x7f000001", "'0x7f000001' ends with a number, as an address does and no name"},
      {"2130706433", "'2130706433' ends with a number, as an address does and no name"},
      {"1.2.3.4.5", "'1.2.3.4.5' ends with a number, as an address does and no name"},
      {"300.1.1.1", "'300.1.1.1' ends with a number, as an address does and no name"},
  };
  for (const auto& [text, why] : faulty) {
    CAPTURE(text);
    CHECK(bad(DomainName::parse(text)).message == why);
  }
}

TEST_CASE("an address, or a text that could be taken for one, is like an address, and no name is") {
  for (const char* text :
       {"192.0.2.1", "192.0.2.1.", "192.0.2.1:25", "127.1", "0x7f.1", "0x7f.0x1", "0X7F000001", "2130706433",
        "300.1.1.1", "1.2.3.4.5", "mx.example.123", "7", "2001:db8::25", "::", "::ffff:192.0.2.1",
        "2001:db8:25:", "fe80::1%eth0", "[192.0.2.1]", "[2001:db8::25]", "[IPv6:2001:db8::25]",
        "[ipv6:nonsense]", "[IPv6:2001:db8::25]:587", "[192.0.2.1",
        // full-width digits
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.\xef\xbc\x91"}) {
    CAPTURE(text);
    CHECK(is_address_like(text));
    CHECK_FALSE(DomainName::parse(text));
  }
  for (const char* text : {"", ".", "..", "a..1x", "example.org", "1und1.de", "1.2.3.x", "dead.be:25",
                           "a.0-0", "mx.example.org:25", "[mx.example.org]", "[mx.example.org]:587",
                           "0xy.test", "a b", "xn--ls8h.la", "\xff"}) {
    CAPTURE(text);
    CHECK_FALSE(is_address_like(text));
  }
}
