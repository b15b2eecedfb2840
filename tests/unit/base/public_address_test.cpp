#include "base/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "support.h"

using namespace starttls;

namespace {

template <class Structure>
const sockaddr& generic(const Structure& address) {
  return reinterpret_cast<const sockaddr&>(address);
}

// The same question for both forms; they must agree.
bool is_public_both_ways(const std::string& text) {
  CAPTURE(text);
  CHECK(is_address(text));
  sockaddr_in ipv4{.sin_family = AF_INET};
  sockaddr_in6 ipv6{.sin6_family = AF_INET6};
  const bool is_ipv4 = ::inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr) == 1;
  if (!is_ipv4) REQUIRE(::inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr) == 1);
  const bool answer = is_public(is_ipv4 ? generic(ipv4) : generic(ipv6));
  CHECK(is_public(text) == answer);
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  if (address->is_ipv4() == is_ipv4) CHECK(is_public(*address) == answer);
  return answer;
}

void good(const std::string& text) {
  CAPTURE(text);
  CHECK(is_public_both_ways(text));
}

void bad(const std::string& text) {
  CAPTURE(text);
  CHECK_FALSE(is_public_both_ways(text));
}

}  // namespace

TEST_CASE("public IPv4 addresses are distinguished from all others, at both ends of every block") {
  for (const char* text :
       {"1.0.0.0",        "1.1.1.1",        "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
        "100.63.255.255", "100.128.0.0",    "126.255.255.255", "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",    "172.15.255.255", "172.32.0.0",      "191.255.255.255", "192.0.1.0",
        "192.0.3.0",      "192.88.98.255",  "192.88.100.0",    "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0",     "198.51.99.255",   "198.51.101.0",    "203.0.112.255",
        "203.0.114.0",    "223.255.255.255"}) {
    good(text);
  }
  for (const char* text :
       {"0.0.0.0",         "0.255.255.255", "10.0.0.0",        "10.255.255.255",  "100.64.0.0",
        "100.127.255.255", "127.0.0.1",     "127.255.255.255", "169.254.0.0",     "169.254.169.254",
        "169.254.255.255", "172.16.0.0",    "172.31.255.255",  "192.0.0.0",       "192.0.0.255",
        "192.0.2.0",       "192.0.2.255",   "192.88.99.0",     "192.88.99.255",   "192.168.0.0",
        "192.168.255.255", "198.18.0.0",    "198.19.255.255",  "198.51.100.0",    "198.51.100.255",
        "203.0.113.0",     "203.0.113.255", "224.0.0.0",       "239.255.255.255", "240.0.0.0",
        "255.255.255.255"}) {
    bad(text);
  }
}

TEST_CASE("public IPv6 addresses are distinguished from all others, at both ends of every block") {
  for (const char* text :
       {"2000::", "2000:ffff::1", "2001:200::", "2001:db7:ffff::1", "2001:db9::", "2001:4860:4860::8888",
        "2003::1", "2a00:1450:4001::1", "2620:fe::fe", "3ffe:ffff::1", "3fff:1000::", "3fff:ffff::1"}) {
    good(text);
  }
  for (const char* text : {"::",           "::1",
                           "::2",          "100::1",
                           "64:ff9b:1::1", "1fff:ffff::1",
                           "2001::",       "2001:0:4136:e378::1",
                           "2001:2::1",    "2001:10::1",
                           "2001:20::1",   "2001:1ff:ffff::1",
                           "2001:db8::",   "2001:db8:ffff::1",
                           "2002::",       "2002:808:808::1",
                           "2002:ffff::1", "3fff::",
                           "3fff:fff::1",  "4000::",
                           "5f00::1",      "fc00::",
                           "fd00::1",      "fdff:ffff::1",
                           "fe80::1",      "febf::1",
                           "fec0::1",      "ff00::",
                           "ff02::1",      "ffff:ffff::1"}) {
    bad(text);
  }
}

TEST_CASE("an IPv4 address within an IPv6 address is never public, except NAT64 as RFC 6052 allows it") {
  for (const char* ipv4 : {"8.8.8.8", "10.0.0.1", "127.0.0.1"}) {
    bad(std::string("::ffff:") + ipv4);    // mapped (RFC 4291 section 2.5.5.2)
    bad(std::string("::") + ipv4);         // compatible (section 2.5.5.1)
    bad(std::string("::ffff:0:") + ipv4);  // translated (RFC 2765 section 2.1)
  }
  good("64:ff9b::8.8.8.8");
  for (const char* ipv4 :
       {"10.0.0.1", "127.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"}) {
    bad(std::string("64:ff9b::") + ipv4);
  }
  bad("64:ff9b::1:8.8.8.8");
}

TEST_CASE("a text that is no address, or an address of another family, is not public") {
  for (const std::string& text :
       std::vector<std::string>{"", "mx.example.org", "8.8.8", "8.8.8.8.", " 8.8.8.8", "8.8.8.8:443",
                                "08.8.8.8", "0x8.8.8.8", "134744072", "[2620:fe::fe]", "2620:fe::fe%lo",
                                "2620:fe::fe/64", "8.8.8.8,10.0.0.1", std::string("8.8.8.8\0", 8)}) {
    CAPTURE(text);
    CHECK_FALSE(is_address(text));
    CHECK_FALSE(is_public(text));
  }
  const sockaddr_un path{.sun_family = AF_UNIX, .sun_path = "/run/x"};
  CHECK_FALSE(is_public(generic(path)));
  CHECK(address_text(generic(path)).empty());
}

TEST_CASE("addresses are shown in their usual form") {
  sockaddr_in ipv4{.sin_family = AF_INET};
  REQUIRE(::inet_pton(AF_INET, "192.0.2.1", &ipv4.sin_addr) == 1);
  CHECK(address_text(generic(ipv4)) == "192.0.2.1");
  sockaddr_in6 ipv6{.sin6_family = AF_INET6};
  REQUIRE(::inet_pton(AF_INET6, "2001:DB8:0::1", &ipv6.sin6_addr) == 1);
  CHECK(address_text(generic(ipv6)) == "2001:db8::1");
}

TEST_CASE("the block of an address is the least that its owner has, its network the most") {
  const auto block = [](const std::string& text) {
    const AddressBlock found = block_of(text);
    return found.block + " " + found.network;
  };
  CHECK(block("198.51.100.7") == "198.51.100.7 198.51.100.0/24");
  CHECK(block("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64 2001:db8:1::/48");
  CHECK(block("2001:DB8:1:2::") == "2001:db8:1:2::/64 2001:db8:1::/48");
  CHECK(block("64:ff9b::198.51.100.7") == "198.51.100.7 198.51.100.0/24");
  CHECK(block("nonsense") == "nonsense nonsense");
}
