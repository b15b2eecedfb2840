#include "smtp/refusals.h"

#include "catch.h"

using namespace starttls::smtp;

TEST_CASE("an address that refused is remembered with what it said first") {
  Refusals refusals;
  CHECK(refusals.find("192.0.2.1") == nullptr);
  refusals.add("192.0.2.1", {.stop = Stop::deferred, .reason = "421 later"});
  refusals.add("192.0.2.1", {.stop = Stop::rejected, .reason = "554 never"});
  REQUIRE(refusals.find("192.0.2.1") != nullptr);
  CHECK(refusals.find("192.0.2.1")->stop == Stop::deferred);
  CHECK(refusals.find("192.0.2.1")->reason == "421 later");
  CHECK(refusals.size() == 1);
}

TEST_CASE("of too many addresses that refused, the first is forgotten") {
  Refusals refusals(2);
  for (const char* const address : {"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"})
    refusals.add(address, {.stop = Stop::rejected, .reason = address});
  CHECK(refusals.find("192.0.2.1") == nullptr);
  CHECK(refusals.find("192.0.2.2") != nullptr);
  CHECK(refusals.find("192.0.2.3") != nullptr);
  CHECK(refusals.size() == 2);
}
