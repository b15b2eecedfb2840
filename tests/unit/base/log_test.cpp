#include "base/log.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;

TEST_CASE("a failure that repeats is logged once a minute, with the number of suppressed ones") {
  OncePerMinute budget;
  const Time start = at("2026-11-22T00:00:00Z");
  CHECK(budget.permit(start) == 0U);
  CHECK(!budget.permit(start + 1s));
  CHECK(!budget.permit(start + 59s));
  CHECK(budget.permit(start + 60s) == 2U);
  CHECK(!budget.permit(start + 61s));
  SECTION("a clock that is set back allows it") {
    CHECK(budget.permit(start) == 1U);
  }
}
