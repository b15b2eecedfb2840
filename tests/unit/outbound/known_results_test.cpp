#include "outbound/known_results.h"

#include "support.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

namespace {

const Day day = good(parse_day("2026-11-22"));
const Day next_day = day + std::chrono::days{1};

DatagramHash numbered(std::uint64_t number) {
  return {.high = number, .low = number};
}

PolicyId policy(unsigned char first, Day of = day) {
  return {.day = of, .digest = {first}};
}

}  // namespace

TEST_CASE("what is not remembered is not counted") {
  KnownResults known;
  CHECK_FALSE(known.count(day, numbered(1)));
  known.remember(numbered(1), policy(1), 10);
  CHECK_FALSE(known.count(day, numbered(2)));
  CHECK(known.count(day, numbered(1)));
  CHECK_FALSE(known.count(next_day, numbered(1)));
}

TEST_CASE("counts are taken once, in the order in which their results were first seen") {
  KnownResults known;
  known.remember(numbered(1), policy(2), 20);
  known.remember(numbered(2), policy(1), 10);
  known.remember(numbered(3), policy(2), 20);
  known.remember(numbered(4), policy(3), 30);
  for (const std::uint64_t number : {3U, 1U, 2U, 1U}) CHECK(known.count(day, numbered(number)));
  CHECK(known.take_counts() == std::vector<KnownCount>{{.policy = policy(2), .row = 20, .successful = 2},
                                                       {.policy = policy(1), .row = 10, .successful = 1},
                                                       {.policy = policy(2), .row = 20, .successful = 1}});
  CHECK(known.take_counts().empty());
}

TEST_CASE("only results of the latest day are remembered") {
  KnownResults known;
  known.remember(numbered(1), policy(1), 10);
  known.remember(numbered(2), policy(2, next_day), 20);
  known.remember(numbered(3), policy(3), 30);
  CHECK_FALSE(known.count(day, numbered(1)));
  CHECK_FALSE(known.count(day, numbered(3)));
  CHECK(known.count(next_day, numbered(2)));
}

TEST_CASE("what was counted is forgotten with what is known") {
  KnownResults known;
  known.remember(numbered(1), policy(1), 10);
  CHECK(known.count(day, numbered(1)));
  known.clear();
  CHECK(known.empty());
  CHECK(known.take_counts().empty());
  CHECK_FALSE(known.count(day, numbered(1)));
}

TEST_CASE("only so many results are remembered") {
  KnownResults known;
  for (std::uint64_t number = 0; number <= KnownResults::max_results; ++number)
    known.remember(numbered(number), policy(1), 10);
  CHECK(known.count(day, numbered(KnownResults::max_results - 1)));
  CHECK_FALSE(known.count(day, numbered(KnownResults::max_results)));
}

TEST_CASE("datagrams and sources have hashes of their own") {
  CHECK(hash_of(Source::datagram, "a") == hash_of(Source::datagram, "a"));
  CHECK(hash_of(Source::datagram, "a") != hash_of(Source::datagram, "b"));
  CHECK(hash_of(Source::datagram, "a") != hash_of(Source::log, "a"));
}
