#include "service/upload_rate.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
using service::UploadRate;

namespace {

const Time start{24h * 20'000};

// How many of these are taken.
int taken(UploadRate& rate, const std::string& client, int tries, Time now) {
  int count = 0;
  for (int at = 0; at < tries; ++at) count += rate.refuse(client, now) ? 0 : 1;
  return count;
}

}  // namespace

TEST_CASE("a client may post so many at once, and then as many a minute") {
  UploadRate rate({.per_minute = 1'000, .per_client = 6});
  CHECK(taken(rate, "192.0.2.1", 10, start) == 6);
  CHECK(rate.refuse("192.0.2.1", start) == 10s);
  CHECK(rate.refuse("192.0.2.1", start + 9999ms) == 1s);
  CHECK(!rate.refuse("192.0.2.1", start + 10s));
  CHECK(rate.refuse("192.0.2.1", start + 10s) == 10s);
  CHECK(taken(rate, "192.0.2.1", 10, start + 30s) == 2);
  CHECK(taken(rate, "192.0.2.1", 10, start + 1h) == 6);
}

TEST_CASE("what is refused does not count, for the client and for all") {
  UploadRate rate({.per_minute = 10, .per_client = 4});
  CHECK(taken(rate, "192.0.2.1", 1'000, start) == 4);
  CHECK(taken(rate, "192.0.2.2", 1'000, start) == 4);
  CHECK(taken(rate, "192.0.2.3", 1'000, start) == 2);
  CHECK(rate.refuse("192.0.2.3", start) == 6s);
  CHECK(taken(rate, "192.0.2.3", 1'000, start + 12s) == 2);
}

TEST_CASE("a client whose address is not known has the limit of all only") {
  UploadRate rate({.per_minute = 5, .per_client = 1});
  CHECK(taken(rate, "", 10, start) == 5);
}

TEST_CASE("an IPv6 network of 64 bits is one client") {
  UploadRate rate({.per_minute = 100, .per_client = 1});
  CHECK(!rate.refuse("2001:db8::1", start));
  CHECK(rate.refuse("2001:db8::2:3", start));
  CHECK(!rate.refuse("2001:db8:0:1::1", start));
  CHECK(!rate.refuse("192.0.2.1", start));
  CHECK(!rate.refuse("192.0.2.2", start));
}

TEST_CASE("clients are forgotten, and their number is limited by the limit of all") {
  UploadRate rate({.per_minute = 50, .per_client = 10});
  for (int minute = 0; minute < 10; ++minute) {
    for (int at = 0; at < 200; ++at)
      (void)rate.refuse(fmt::format("10.{}.0.{}", minute, at), start + std::chrono::minutes(minute));
    CHECK(rate.clients() <= 100);
  }
}

TEST_CASE("a clock that goes back refuses nobody for long") {
  UploadRate rate({.per_minute = 2, .per_client = 1});
  CHECK(!rate.refuse("192.0.2.1", start));
  CHECK(rate.refuse("192.0.2.1", start) == 60s);
  // Far in the past, the client is new.
  CHECK(!rate.refuse("192.0.2.1", start - 24h));
  CHECK(rate.refuse("192.0.2.1", start - 24h));
  CHECK(!rate.refuse("192.0.2.1", start - 24h + 60s));
}
