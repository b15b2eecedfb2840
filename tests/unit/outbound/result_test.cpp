#include "outbound/result.h"

#include "examples.h"
#include "journal/segment.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

namespace {

LoggedResults logged(std::vector<std::string> datagrams) {
  return {.read = noon,
          .position = {.number = 7, .text = "file 7:128:9af3c2d1:5000 7:128:9af3c2d1:6000"},
          .datagrams = std::move(datagrams)};
}

LoggedResults decoded_log(const std::string& payload) {
  return std::get<LoggedResults>(good(decode(payload)));
}

}  // namespace

TEST_CASE("an encoded datagram is read back as it was") {
  const std::string text = datagram();
  const std::string payload = encode(received(text));
  CHECK(payload.size() <= text.size() + max_encoding_overhead);
  const auto record = good(decode(payload));
  const auto& result = std::get<ReceivedResult>(record);
  CHECK(result.received == noon);
  CHECK(result.datagram == text);
  CHECK_FALSE(position_of(record));
}

TEST_CASE("a datagram may have any bytes") {
  const std::string bytes("\0 \xff\n ", 5);
  const std::string payload = encode(received(bytes));
  CHECK(std::get<ReceivedResult>(good(decode(payload))).datagram == bytes);
}

TEST_CASE("results of the log are read back with their position") {
  for (const auto& datagrams :
       {std::vector<std::string>{}, {datagram()}, {datagram(), "{}", failed_datagram()}}) {
    const LoggedResults results = logged(datagrams);
    const std::string payload = encode(results);
    CHECK(decoded_log(payload) == results);
    CHECK(position_of(good(decode(payload))) == results.position);
  }
  LoggedResults odd = logged({datagram()});
  for (const char* position : {"", " ", "a\nb c\n", "7 5"}) {
    odd.position.text = position;
    CHECK(decoded_log(encode(odd)) == odd);
  }
}

TEST_CASE("results that do not fit into one record are divided, and the last one has the position") {
  const std::string large(20'000, 'x');
  const std::string too_large(journal::max_payload_size, 'x');
  const LoggedResults results = logged({large, "a", large, large, too_large, large, "b"});
  const std::vector<std::string> parts = encode_in_parts(results);
  REQUIRE(parts.size() == 2);
  std::vector<std::string> all;
  for (const std::string& part : parts) {
    CHECK(part.size() <= journal::max_payload_size);
    const LoggedResults one = decoded_log(part);
    CHECK(position_of(good(decode(part))).has_value() == (&part == &parts.back()));
    all.insert(all.end(), one.datagrams.begin(), one.datagrams.end());
  }
  CHECK(all == std::vector<std::string>{large, "a", large, large, large, "b"});
  CHECK(encode_in_parts(logged({})).size() == 1);
  CHECK(decoded_log(encode_in_parts(logged({"a"})).front()) == logged({"a"}));
}

TEST_CASE("what encode() does not write is no record") {
  for (const char* text : {"",
                           " ",
                           "1",
                           "1 datagram",
                           "1 datagram ",
                           "x datagram {}",
                           "-1 datagram {}",
                           "1 else {}",
                           "1  {}",
                           "1.5 datagram {}",
                           "253402300800000 datagram {}",
                           "99999999999999999999 datagram {}",
                           "1 log",
                           "1 log {}",
                           "1 log 7",
                           "1 log 7 2",
                           "1 log 7 2 a",
                           "1 log 7 1 ab",
                           "1 log -7 1 a",
                           "1 log 7 -1 a",
                           "1 log 7 1 a\n",
                           "1 log 7 1 a\n\n{}",
                           "1 log 7 1 a\n{}\n",
                           "1 log 7 1 \xff\n{}",
                           "1 log 7 5000 a",
                           "1 log 99999999999999999999 1 a"}) {
    INFO(text);
    CHECK(bad(decode(text)).fault == Fault::data);
  }
  const std::string large(5000, 'x');
  CHECK(bad(decode("1 log 7 5000 " + large)).fault == Fault::data);
}
