#include "store/record.h"

#include "examples.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;

TEST_CASE("an event of the log is read from the journal as it was written") {
  LogEvent event = failure_event();
  event.address_pseudonym = "k";
  event.failure->service = "postfix/smtps";
  event.watched = true;
  event.wanted = true;
  CHECK(std::get<LogEvent>(good(decode_record(encode(event)))) == event);
  const LogEvent position{.position = {.number = 7, .text = "\"far\""}};
  CHECK(std::get<LogEvent>(good(decode_record(encode(position)))) == position);
}

TEST_CASE("sessions and events are distinguished") {
  CHECK(std::get<session::Session>(good(decode_record(encode(tls_session())))) == tls_session());
  CHECK(std::holds_alternative<LogEvent>(good(decode_record(encode(failure_event())))));
}

TEST_CASE("a record is a session to be counted, or it is not") {
  session::Session excluded = awaiting_probe();
  excluded.excluded = true;
  Session sly = tls_session();
  sly.helo = R"("excluded":true)";
  CHECK(is_counted_session(encode(tls_session())));
  CHECK(is_counted_session(encode(awaiting_probe())));
  CHECK(is_counted_session(encode(sly)));
  CHECK_FALSE(is_counted_session(encode(excluded)));
  CHECK_FALSE(is_counted_session(encode(failure_event())));
}

TEST_CASE("a text that is no event is refused") {
  for (const char* text :
       {R"({"log":)", R"({"log":"x"})", R"({"log":-1})", R"({"log":1,"failure":"bad luck","time":1})",
        R"({"log":1,"failure":"none","time":1})", R"({"log":1,"failure":"lost-connection"})",
        R"({"log":1,"position":7})", R"({"log":1,"watched":1})", R"({"log":1,"service":true})",
        R"({"log":1,"failure":"lost-connection","time":-1})",
        R"({"log":1,"failure":"lost-connection","time":253402300800000})", R"({"log":1,"mx":{"a":"b"}})",
        R"({"log":1,"time":"x"})", R"([{"log":1}])", R"({"log":1,"mx":"\udc00"})",
        R"({"log":1,"mx":"\u0000"})",
        R"({"log":1} )"
        "x",
        "{\"log\":1,\"mx\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK(bad(decode_record(text)).fault == Fault::data);
  }
}

TEST_CASE("an event may have members that a later version wrote") {
  const std::string text = R"({"log":7,"new":{"log":[8,{"mx":9}]},"newer":null,"position":"far"})";
  CHECK(std::get<LogEvent>(good(decode_record(text))) == LogEvent{.position = {.number = 7, .text = "far"}});
}
