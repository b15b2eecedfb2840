#include "milter/silent_log.h"

#include "support.h"

using namespace starttls;
using namespace starttls::milter;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time start = at("2026-11-22T12:00:00Z");

}  // namespace

TEST_CASE("a log without a line about sessions is silent after a day in which there were sessions") {
  SilentLogDetector watch(start);
  CHECK_FALSE(watch.is_silent(0, 5, start + 1h));
  CHECK_FALSE(watch.is_silent(0, 5, start + 23h + 59min));
  CHECK(watch.is_silent(0, 5, start + 24h));
  CHECK_FALSE(watch.is_silent(0, 6, start + 25h));  // once a day
  CHECK(watch.is_silent(0, 7, start + 48h));
  CHECK_FALSE(watch.is_silent(0, 7, start + 72h));  // a day without sessions
  CHECK(watch.is_silent(0, 8, start + 96h));
}

TEST_CASE("a log that had a line within the day is not silent") {
  SilentLogDetector watch(start);
  CHECK_FALSE(watch.is_silent(1, 5, start + 23h));
  CHECK_FALSE(watch.is_silent(1, 9, start + 25h));
  CHECK_FALSE(watch.is_silent(2, 9, start + 50h));
  CHECK(watch.is_silent(2, 10, start + 74h));
}

TEST_CASE("a clock that is set back starts the day again") {
  SilentLogDetector watch(start);
  CHECK_FALSE(watch.is_silent(0, 1, start - 48h));
  CHECK_FALSE(watch.is_silent(0, 2, start - 25h));
  CHECK(watch.is_silent(0, 2, start - 24h));
}
