#include "outbound/result.h"

#include "examples.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

TEST_CASE("an encoded result is read back as it was") {
  const std::string text = datagram();
  for (const Source source : {Source::datagram, Source::log}) {
    const std::string payload = encode({.received = noon, .source = source, .datagram = text});
    CHECK(payload.size() <= text.size() + max_encoding_overhead);
    const ReceivedResult result = good(decode(payload));
    CHECK(result.received == noon);
    CHECK(result.source == source);
    CHECK(result.datagram == text);
  }
}

TEST_CASE("a datagram may have any bytes") {
  const std::string bytes("\0 \xff\n ", 5);
  CHECK(good(decode(encode(received(bytes)))).datagram == bytes);
}

TEST_CASE("what encode() does not write is no result") {
  for (const char* text :
       {"", " ", "1", "1 datagram", "1 datagram ", "x datagram {}", "-1 datagram {}", "1 else {}", "1  {}",
        "1.5 datagram {}", "253402300800000 datagram {}", "99999999999999999999 datagram {}"}) {
    INFO(text);
    CHECK(bad(decode(text)).fault == Fault::data);
  }
}
