#include "listtool/serve/request.h"

#include <fmt/format.h>

#include "support.h"

using namespace starttls::listtool::serve;

namespace {

std::string shown(const Request& request) {
  return fmt::format("{}|{}", request.map, request.key);
}

std::string netstring_of(std::size_t size) {
  return fmt::format("{}:m {},", size, std::string(size - 2, 'k'));
}

}  // namespace

TEST_CASE("requests are read in the forms that mail servers write") {
  const auto good = [](std::string_view bytes, std::string_view meant, std::size_t size) {
    const auto reading = read_request(bytes);
    CAPTURE(bytes);
    REQUIRE(reading.state == Reading::complete);
    CHECK(shown(reading.request) == meant);
    CHECK(reading.size == size);
  };
  good("26:QUERYwithTLSRPT sock1.test,", "QUERYwithTLSRPT|sock1.test", 30);
  good("14:sts sock1.test,", "sts|sock1.test", 18);
  good("10:postfix .a,10:postfix .b,", "postfix|.a", 14);
  good("8:postfix ,", "postfix|", 11);
  good("2: k,", "|k", 5);
  good("1: ,", "|", 4);
  good("9:map a b:c,", "map|a b:c", 12);
  good(netstring_of(max_request_size), "m|" + std::string(max_request_size - 2, 'k'),
       max_request_size + request_overhead);
}

TEST_CASE("an invalid request is reported as soon as it is certain") {
  const auto bad = [](std::string_view bytes) {
    CAPTURE(bytes);
    CHECK(read_request(bytes).state == Reading::malformed);
  };
  bad("GET / HTTP/1.0\r\n");
  bad(":a b,");
  bad(",");
  bad(" 3:a b,");
  bad("-3:a b,");
  bad("+3:a b,");
  bad("03:a b,");
  bad("00:,");
  bad("3 :a b,");
  bad("3;a b,");
  bad("3:a b;");
  bad("3:a bc,");
  bad("0:,");
  bad("3:abc,");
  bad("1001");
  bad("99999999999999999999999999");
  bad("4294967299:a b,");
  bad("18446744073709551619:a b,");
  bad(std::string_view("\0\0\0\0", 4));
  bad("\x16\x03\x01\x02");
}

TEST_CASE("a request in pieces is incomplete until its last byte") {
  for (const std::string& whole :
       {std::string("26:QUERYwithTLSRPT sock1.test,"), netstring_of(max_request_size)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      REQUIRE(read_request(whole.substr(0, size)).state == Reading::incomplete);
    }
    CHECK(read_request(whole).state == Reading::complete);
    CHECK(whole.size() <= max_request_size + request_overhead);
  }
}
