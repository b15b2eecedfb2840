#include "report/silence.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;
using std::chrono::days;

namespace {

const Day last = good(parse_day("2026-11-26"));  // a Thursday

// Sessions on each of the days before `last`, the nearest first.
SessionsByDay before(const std::vector<std::uint64_t>& sessions) {
  SessionsByDay all;
  for (std::size_t at = 0; at < sessions.size(); ++at) {
    if (sessions[at] > 0) all[last - days(at)] = sessions[at];
  }
  return all;
}

std::vector<std::uint64_t> repeated(std::vector<std::uint64_t> first, std::size_t times,
                                    std::uint64_t sessions) {
  first.insert(first.end(), times, sessions);
  return first;
}

}  // namespace

TEST_CASE("a host with sessions every day is missed after one day without") {
  CHECK_FALSE(find_silence(before(repeated({}, 28, 50)), last, 20));
  const auto silence = find_silence(before(repeated({0}, 28, 50)), last, 20);
  REQUIRE(silence);
  CHECK(silence->days == days{1});
  CHECK(silence->longest_before == days{0});
}

TEST_CASE("a host is judged by its longest silence") {
  // Idle on two days of each week.
  std::vector<std::uint64_t> week;
  for (int number = 0; number < 28; ++number) week.push_back(number % 7 < 2 ? 0 : 50);
  CHECK_FALSE(find_silence(before(week), last, 20));
  week.insert(week.begin(), 0);
  const auto silence = find_silence(before(week), last, 20);
  REQUIRE(silence);
  CHECK(silence->days == days{3});
  CHECK(silence->longest_before == days{2});
}

TEST_CASE("a host that recorded very little is not missed, nor one that stopped long ago") {
  CHECK_FALSE(find_silence({}, last, 20));
  CHECK_FALSE(find_silence(before(repeated({0}, 6, 50)), last, 20));
  CHECK_FALSE(find_silence(before(repeated({0}, 19, 1)), last, 20));
  CHECK(find_silence(before(repeated({0}, 20, 1)), last, 20));
}

TEST_CASE("sessions of today end a silence") {
  SessionsByDay sessions = before(repeated({0}, 28, 50));
  sessions[last + days{1}] = 1;
  CHECK_FALSE(find_silence(sessions, last, 20));
}

TEST_CASE("if no host records, there is one alert, else one for each silent host") {
  const auto watch_of = [](std::uint64_t second_host_today) {
    SilenceDetector watch(last, 20);
    for (int day = 0; day < 20; ++day) {
      for (const char* host : {"mx1.test", "mx2.test"}) {
        const std::uint64_t sessions = day > 0 ? 50 : host == std::string("mx2.test") ? second_host_today : 0;
        store::ClassCount count;
        count.total = {.sessions = sessions, .messages = 0};
        watch.add({.day = last - days(day), .receiving_mx = host}, count);
      }
    }
    return watch.alerts();
  };
  const auto all = watch_of(0);
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == "store-silent");
  const auto one = watch_of(5);
  REQUIRE(one.size() == 1);
  CHECK(one[0].kind == "host-silent");
  CHECK(one[0].message.starts_with("No session with mx1.test was recorded for 1 day, up to 2026-11-26;"));
}
