#include "store/counts.h"

#include "examples.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;

TEST_CASE("sessions of one class are counted together, and under each of their domains") {
  DailyCounts counts;
  add(counts, tls_session());
  add(counts, tls_session());
  add(counts, plaintext_session());
  REQUIRE(counts.size() == 2);
  const ClassCount& tls = counts.at(session_class(tls_session()));
  CHECK(tls.total == Tally{.sessions = 2, .messages = 4});
  CHECK(tls.recipient_domains.at("example.test") == Tally{.sessions = 2, .messages = 4});
  CHECK(tls.recipient_domains.at("example.org") == Tally{.sessions = 2, .messages = 2});
}

TEST_CASE("a session belongs to the UTC day of its begin") {
  session::Session late = tls_session();
  late.begin = at("2026-11-22T23:59:59.999Z");
  late.end = at("2026-11-23T00:10:00Z");
  CHECK(to_string(session_class(late).day) == "2026-11-22");
}

TEST_CASE("adding counts is the same as adding their sessions") {
  DailyCounts once;
  add(once, tls_session());
  DailyCounts twice = once;
  add(twice, once);
  DailyCounts expected;
  add(expected, tls_session());
  add(expected, tls_session());
  CHECK(twice == expected);
}
