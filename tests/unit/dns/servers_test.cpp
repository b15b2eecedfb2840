#include "dns/servers.h"

#include "support.h"

using namespace starttls;
using test::bad;
using test::good;
using Strings = std::vector<std::string>;

TEST_CASE("a server is an address, with a port if that is not 53") {
  for (const char* text :
       {"192.0.2.1", "192.0.2.1@5353", "::1", "2001:db8::1@1", "fe80::1%eth0", "fe80::1%2@65535"}) {
    CAPTURE(text);
    good(dns::check_server(text));
  }
  for (const std::string& text :
       {std::string(), std::string("@"), std::string("ns.example.org"), std::string("192.0.2"),
        std::string("192.0.2.1@"), std::string("192.0.2.1@0"), std::string("192.0.2.1@65536"),
        std::string("192.0.2.1@53x"), std::string("192.0.2.1@-1"), std::string("192.0.2.1:53"),
        std::string("[::1]"), std::string("192.0.2.1%eth0"), std::string("::1%"), std::string("::1 "),
        std::string("::1\0", 4), std::string("192.0.2.1@53@53")}) {
    CAPTURE(text);
    CHECK(bad(dns::check_server(text)).fault == Fault::config);
  }
}

TEST_CASE("the servers of a resolv.conf are read as by the system's own resolver") {
  CHECK(dns::resolv_conf_servers(
            "# comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver\t::1  # here\r\n") ==
        Strings{"192.0.2.1", "::1"});
  CHECK(dns::resolv_conf_servers("nameserver 192.0.2.1@5353") == Strings{"192.0.2.1@5353"});
}

TEST_CASE("an invalid line does not affect the rest of a resolv.conf") {
  CHECK(dns::resolv_conf_servers(
            "nameserver\nnameserver ns.example.org\n nameserver 192.0.2.2\nnameservers 192.0.2.3\n"
            ";nameserver 192.0.2.4\nnameserver 192.0.2.5\n") == Strings{"192.0.2.2", "192.0.2.5"});
  CHECK(dns::resolv_conf_servers("").empty());
  CHECK(dns::resolv_conf_servers(std::string("\0\xff\n", 3)).empty());
}

TEST_CASE("no more than three servers count") {
  CHECK(dns::resolv_conf_servers("nameserver ::1\nnameserver ::2\nnameserver ::3\nnameserver ::4\n") ==
        Strings{"::1", "::2", "::3"});
}

TEST_CASE("trust anchors have names") {
  CHECK(dns::trust_anchor_names(". IN DS 1 2 3 ab\n") == Strings{"."});
  CHECK(dns::trust_anchor_names(
            "; two keys\n$TTL 60\n. DNSKEY 1 2 3 (\n  abcd )\n. DNSKEY 5\nexample.test. DS 1 2 3 ab") ==
        Strings{".", "example.test."});
  CHECK(dns::trust_anchor_names("").empty());
  CHECK(dns::trust_anchor_names("\n; nothing\n").empty());
}
