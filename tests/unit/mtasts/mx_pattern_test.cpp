#include "mtasts/mx_pattern.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::test;

namespace {

bool matches(std::string_view pattern, std::string_view host) {
  return good(MxPattern::parse(pattern)).matches(good(DomainName::parse(host)));
}

}  // namespace

TEST_CASE("an mx is a host name or '*.' and a domain, in lower-case A-labels") {
  CHECK(good(MxPattern::parse("MX1.Example.ORG.")).str() == "mx1.example.org");
  CHECK(good(MxPattern::parse("*.Example.org")).str() == "*.example.org");
  CHECK(good(MxPattern::parse("*.b\xc3\xbc"
                              "cher.example"))
            .str() == "*.xn--bcher-kva.example");
  CHECK(good(MxPattern::parse("*.example.org")).is_wildcard());
  CHECK(good(MxPattern::parse("*.example.org")).name().str() == "example.org");
  CHECK_FALSE(good(MxPattern::parse("example.org")).is_wildcard());
}

TEST_CASE("a wildcard covers exactly one label, the left-most") {
  CHECK(matches("*.example.org", "a.example.org"));
  CHECK_FALSE(matches("*.example.org", "a.b.example.org"));
  CHECK_FALSE(matches("*.example.org", "example.org"));
  CHECK_FALSE(matches("*.example.org", "aexample.org"));
  CHECK_FALSE(matches("*.example.org", "a.example.org.evil.test"));
  CHECK_FALSE(matches("*.org", "org"));
}

TEST_CASE("a host name matches itself, in any spelling") {
  CHECK(matches("mx.example.org", "MX.EXAMPLE.ORG."));
  CHECK(
      matches("mx.b\xc3\xbc"
              "cher.example",
              "mx.xn--bcher-kva.example"));
  CHECK_FALSE(matches("mx.example.org", "a.mx.example.org"));
  CHECK_FALSE(matches("example.org", "mx.example.org"));
}

TEST_CASE("an invalid pattern is reported as what it seems to be") {
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"", "is empty"},
      {"*", "would match every host"},
      {"*.", "is empty"},
      {".example.org", "suffix of another format"},
      {".", "is the root of the DNS"},
      {"..", "has an empty label"},
      {"*.a..test", "has an empty label"},
      {"..example.org", "has an empty label"},
      {"[IPv6:2001:db8::25]", "is an address"},
      {"mx.example.123", "ends with a number"},
      {"mx*.example.org", "'*' that is not the whole left-most label"},
      {"*mx.example.org", "'*' that is not the whole left-most label"},
      {"*.*.example.org", "'*' that is not the whole left-most label"},
      {"mx.*.example.org", "'*' that is not the whole left-most label"},
      {"mx1.example.org, mx2.example.org", "more than one name"},
      {"mx1.example.org mx2.example.org", "more than one name"},
      {"mx1.example.org;mx2.example.org", "more than one name"},
      {"192.0.2.1", "is an address"},
      {"mx_1.example.org", "no host name may have"},
      {"mx.example.org\r", "'mx.example.org\\x0d'"},
      {"a.test:b.test", "no host name may have"},
  };
  for (const auto& [text, why] : faulty) {
    CAPTURE(text, why);
    const Error error = bad(MxPattern::parse(text));
    CHECK(error.fault == Fault::data);
    CHECK(error.message.find(why) != std::string::npos);
  }
}
