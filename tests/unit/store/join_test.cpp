#include "store/join.h"

#include "examples.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;
using namespace std::chrono_literals;
using session::HandshakeFailure;

namespace {

const Time soon = at("2026-11-22T12:00:10Z");

// The failures of the sessions that were counted, in their order.
std::vector<HandshakeFailure> failures(const Joined& joined) {
  std::vector<HandshakeFailure> found;
  for (const Session& session : joined.counted) found.push_back(session.failure);
  return found;
}

Session later(Session session, std::chrono::milliseconds by) {
  session.begin += by;
  session.end += by;
  return session;
}

}  // namespace

TEST_CASE("a failure belongs to the session of its client at that time") {
  const auto* const time = GENERATE("2026-11-22T12:00:00Z", "2026-11-22T12:00:02.9Z", "2026-11-22T11:59:59Z");
  const Joined joined = join({.sessions = {awaiting_probe()}, .events = {failure_event(time)}}, soon);
  CHECK(failures(joined) == std::vector{HandshakeFailure::unknown_ca});
  CHECK(joined.waiting.empty());
  CHECK_FALSE(joined.counted[0].awaits_log);
}

TEST_CASE(
    "a log whose clock is a tick behind names the second before, and the failure still belongs to its "
    "session") {
  const Session session = later(awaiting_probe(), 5ms);
  const Joined joined =
      join({.sessions = {session}, .events = {failure_event("2026-11-22T11:59:59Z")}}, soon);
  CHECK(failures(joined) == std::vector{HandshakeFailure::unknown_ca});
}

TEST_CASE("a failure of another client, or of another time, waits for its own session") {
  const auto event = GENERATE(failure_event("2026-11-22T12:00:01Z", "192.0.2.8"),
                              failure_event("2026-11-22T12:00:05Z"), failure_event("2026-11-22T11:59:58Z"));
  const Joined joined = join({.sessions = {awaiting_probe()}, .events = {event}}, soon);
  CHECK(joined.counted.empty());
  CHECK(joined.waiting.size() == 2);
}

TEST_CASE("each failure belongs to one session, the one that ended nearest to it") {
  const Session first = awaiting_probe();
  const Session second = later(first, 2s);
  const Session third = later(first, 4s);
  const Joined joined = join(
      {.sessions = {first, second, third},
       .events = {failure_event("2026-11-22T12:00:04Z"),
                  failure_event("2026-11-22T12:00:06Z", "192.0.2.9", HandshakeFailure::lost_connection)}},
      soon);
  CHECK(failures(joined) == std::vector{HandshakeFailure::unknown_ca, HandshakeFailure::lost_connection});
  CHECK(joined.waiting.sessions == std::vector{first});
}

TEST_CASE("if the address is not written whole, the pseudonym distinguishes clients") {
  session::Session mine = awaiting_probe();
  mine.client_address = "192.0.2.0";
  mine.address_pseudonym = "a";
  Session other = mine;
  other.address_pseudonym = "b";
  LogEvent event = failure_event("2026-11-22T12:00:01Z", "192.0.2.0");
  event.address_pseudonym = "b";
  const Joined joined = join({.sessions = {mine, other}, .events = {event}}, soon);
  REQUIRE(joined.counted.size() == 1);
  CHECK(joined.counted[0].client_address == "192.0.2.0");
  CHECK(joined.counted[0].address_pseudonym.empty());
  CHECK(joined.waiting.sessions == std::vector{mine});
}

TEST_CASE("an excluded session removes its failure") {
  session::Session local = awaiting_probe();
  local.excluded = true;
  const Joined joined = join({.sessions = {local}, .events = {failure_event()}}, soon);
  CHECK(joined.counted.empty());
  CHECK(joined.waiting.empty());
  CHECK(join({.sessions = {local}}, soon + 2min).counted.empty());
}

TEST_CASE("a session that we ended before the client did may fail later") {
  session::Session open = awaiting_probe();
  open.still_open = true;
  CHECK(join({.sessions = {open}, .events = {failure_event("2026-11-22T12:00:50Z")}}, soon).counted.size() ==
        1);
}

TEST_CASE("a failure that waits for more than a minute of the journal's time is counted") {
  const Waiting both{.sessions = {awaiting_probe()},
                     .events = {failure_event("2026-11-22T12:00:01Z", "192.0.2.8")}};
  CHECK(join(both, at("2026-11-22T12:01:01Z")).counted.empty());
  CHECK(failures(join(both, at("2026-11-22T12:01:03Z"))) ==
        std::vector{HandshakeFailure::none, HandshakeFailure::unknown_ca});
  CHECK(join(both, std::nullopt).counted.empty());
}

TEST_CASE("after a clock is set back no failure waits for ever") {
  const Joined joined = join({.sessions = {awaiting_probe()}}, at("2026-11-21T12:00:00Z"));
  CHECK(joined.counted.size() == 1);
}

TEST_CASE("the number of waiting failures is limited, and the rest is not lost") {
  Waiting flood;
  for (std::size_t i = 0; i < max_waiting + 10; ++i) flood.sessions.push_back(awaiting_probe());
  flood.events.push_back(failure_event("2026-11-22T12:00:01Z", "192.0.2.8"));
  const Joined joined = join(flood, soon);
  CHECK(joined.counted.size() == 11);
  CHECK(joined.waiting.size() == max_waiting);
}

TEST_CASE("a client that disconnected after a good handshake is no session that only the log saw") {
  const LogEvent disconnected =
      failure_event("2026-11-22T12:00:01Z", "192.0.2.9", HandshakeFailure::disconnected);
  CHECK(failures(join({.sessions = {awaiting_probe()}, .events = {disconnected}}, soon)) ==
        std::vector{HandshakeFailure::disconnected});
  const Joined alone = join({.events = {disconnected}}, soon + 2min);
  CHECK(alone.counted.empty());
  CHECK(alone.waiting.empty());
}

namespace {

LogEvent of_service(const std::string& service, LogEvent event) {
  event.failure->service = service;
  return event;
}

LogEvent watched(LogEvent event) {
  event.watched = true;
  return event;
}

// The failures that count of one that found no session, after others that did.
std::vector<HandshakeFailure> alone(const LogEvent& event, Waiting before = {}) {
  before.events.push_back(event);
  return failures(join(std::move(before), soon + 2min));
}

}  // namespace

TEST_CASE("a failure that the milter should have seen, and did not, belongs to another service") {
  const LogEvent event = watched(of_service("postfix", failure_event()));
  const Joined joined = join({.events = {event}}, soon + 2min);
  CHECK(joined.counted.empty());
  CHECK(joined.waiting.events.empty());
  CHECK(joined.uncounted == std::map<std::string, std::uint64_t>{{"postfix", 1}});
}

TEST_CASE("a failure while the milter was down counts if the service is one whose sessions are recorded") {
  const LogEvent missed = of_service("postfix-in", failure_event("2026-11-22T12:00:01Z", "192.0.2.8"));
  CHECK(alone(missed).empty());  // the service is unknown
  const Waiting recorded{.sessions = {awaiting_probe()},
                         .events = {of_service("postfix-in", failure_event())}};
  CHECK(alone(missed, recorded).size() == 2);
  Waiting excluded = recorded;
  excluded.sessions[0].excluded = true;
  CHECK(alone(missed, excluded).empty());
  Waiting other = recorded;
  other.events[0].failure->service = "postfix/submission";
  CHECK(alone(missed, other).size() == 1);
}

TEST_CASE("the facts about a service are kept") {
  const Joined first =
      join({.sessions = {awaiting_probe()}, .events = {of_service("postfix-in", failure_event())}}, soon);
  Waiting next = first.waiting;
  CHECK(alone(of_service("postfix-in", failure_event("2026-11-22T12:00:01Z", "192.0.2.8")), next).size() ==
        1);
}

TEST_CASE("a service that is configured counts even if the milter saw no session") {
  LogEvent event = watched(of_service("postfix/smtps", failure_event()));
  event.wanted = true;
  CHECK(alone(event).size() == 1);
}

TEST_CASE("services are read back from their lines, and other lines are ignored") {
  Services services;
  services.add("postfix", {.recorded = 7, .other = 1});
  services.add("a \"b\"", {.recorded = 0, .other = 2});
  Services again;
  CHECK(again.add_line(R"({"service":"postfix","recorded":7,"other":1})"));
  CHECK(again.add_line(R"({"service":"a \"b\"","recorded":0,"other":2})"));
  CHECK(again == services);
  CHECK(services.to_lines() ==
        "{\"service\":\"a "
        "\\\"b\\\"\",\"recorded\":0,\"other\":2}\n{\"service\":\"postfix\",\"recorded\":7,\"other\":1}\n");
  for (const char* line :
       {"", "{}", R"({"log":1})", R"({"service":1,"recorded":1,"other":1})", R"({"service":"x"})",
        R"({"service":"x","recorded":-1,"other":1})", R"({"service":"x","recorded":1,"other":1)"})
    CHECK_FALSE(again.add_line(line));
}

TEST_CASE("the number of services is limited, and new facts have more weight than old ones") {
  Services services;
  for (std::size_t i = 0; i < Services::max_services + 5; ++i)
    services.add(std::to_string(i), {.recorded = 1});
  CHECK(services.failures().size() == Services::max_services);
  services.add("0", {.recorded = 900});
  CHECK(services.is_recorded("0"));
  for (int i = 0; i < 800; ++i) services.add("0", {.other = 1});
  CHECK_FALSE(services.is_recorded("0"));
  CHECK_FALSE(services.is_recorded("unknown"));
}
