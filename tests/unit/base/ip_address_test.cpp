#include "base/ip_address.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

bool contains(std::string_view network, std::string_view address) {
  return good(IpNetwork::parse(network)).contains(IpAddress::parse(address).value());
}

}  // namespace

TEST_CASE("a network has the addresses with its prefix and no others") {
  CHECK(contains("192.0.2.0/24", "192.0.2.255"));
  CHECK_FALSE(contains("192.0.2.0/24", "192.0.3.0"));
  CHECK(contains("10.0.0.0/8", "10.255.0.1"));
  CHECK(contains("172.16.0.0/12", "172.31.255.255"));
  CHECK_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  CHECK(contains("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(contains("192.0.2.1", "192.0.2.2"));
  CHECK(contains("0.0.0.0/0", "255.255.255.255"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::1", "::1"));
}

TEST_CASE("the families are separate, but an IPv4 address that IPv6 wraps is one of IPv4") {
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK_FALSE(contains("::/0", "192.0.2.1"));
  CHECK(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
}

TEST_CASE("an invalid network is refused with its reason") {
  for (const char* text : {"", "/", "192.0.2.0/", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129",
                           "mx.example.test", "192.0.2.0/24 ", "192.0.2.0/-1", "192.0.2.0/8x"}) {
    CAPTURE(text);
    CHECK(bad(IpNetwork::parse(text)).message.find("no network such as") != std::string::npos);
  }
  CHECK(bad(IpNetwork::parse("192.0.2.1/24")).message ==
        "is '192.0.2.1/24', which has bits set behind its prefix; '192.0.2.0/24' is the network");
}

TEST_CASE("an address is truncated to a prefix") {
  CHECK(IpAddress::parse("192.0.2.77").value().masked(24).text() == "192.0.2.0");
  CHECK(IpAddress::parse("2001:db8:1:2::77").value().masked(48).text() == "2001:db8:1::");
  CHECK(IpAddress::parse("255.255.255.255").value().masked(9).text() == "255.128.0.0");
  CHECK(good(IpNetwork::parse("2001:db8::/32")).text() == "2001:db8::/32");
}
