#include "publicsuffix/public_suffixes.h"

#include "support.h"

using namespace starttls;
using starttls::test::good;

TEST_CASE("a domain under which a registry gives out names is a public suffix") {
  const auto suffixes = good(publicsuffix::PublicSuffixes::load());
  const auto* const name = GENERATE("uk", "co.uk", "com", "ac.jp", "anything.ck", "kawasaki.jp",
                                    "any.kawasaki.jp", "xn--p1ai", "xn--55qx5d.cn");
  CAPTURE(name);
  CHECK(suffixes.contains(name));
}

TEST_CASE("a domain that somebody owns is no public suffix, even if customers have names under it") {
  const auto suffixes = good(publicsuffix::PublicSuffixes::load());
  const auto* const name =
      GENERATE("example.co.uk", "example.com", "mail.protection.outlook.com", "outlook.com", "github.io",
               "blogspot.com", "us-east-1.amazonaws.com", "www.ck", "city.kawasaki.jp", "example.xn--p1ai",
               "test", "localhost", "a.test");
  CAPTURE(name);
  CHECK_FALSE(suffixes.contains(name));
}

TEST_CASE("registrable domains distinguish owners, also those who are customers") {
  const auto suffixes = good(publicsuffix::PublicSuffixes::load());
  CHECK(suffixes.registrable("mx1.mail.example.co.uk") == "example.co.uk");
  CHECK(suffixes.registrable("example.com") == "example.com");
  CHECK(suffixes.registrable("mail.customer.github.io") == "customer.github.io");
  CHECK(suffixes.registrable("out.sender.test") == "sender.test");
  CHECK(suffixes.registrable("co.uk").empty());
  CHECK(suffixes.registrable("").empty());
}
