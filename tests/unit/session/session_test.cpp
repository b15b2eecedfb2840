#include "session/session.h"

#include "session/examples.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::test;

TEST_CASE("a session is read from the journal as it was written") {
  CHECK(good(decode(encode(tls_session()))) == tls_session());
  CHECK(good(decode(encode(plaintext_session()))) == plaintext_session());
  CHECK(good(decode(encode(Session{}))) == Session{});
  const Session failed{.begin = at("2026-11-22T10:00:00Z"),
                       .client_address = "192.0.2.0",
                       .helo = "x",
                       .address_pseudonym = "k",
                       .awaits_log = true,
                       .excluded = true,
                       .still_open = true,
                       .failure = session::HandshakeFailure::unknown_ca};
  CHECK(good(decode(encode(failed))) == failed);
}

TEST_CASE("members that a newer version wrote are ignored") {
  const Session s = good(decode(
      R"({"new":{"begin":"x","deep":[[{"mx":7}]]},"begin":5,"colour":"blue","list":["tls",1],"n":null,"helo":"h"})"));
  CHECK(s.begin.time_since_epoch().count() == 5);
  CHECK(s.helo == "h");
  CHECK(s.tls_version.empty());
}

TEST_CASE("a text that is no session is refused") {
  for (const char* text : {"",
                           "x",
                           "[]",
                           "{}",
                           R"({"end":5})",
                           R"({"begin":-1})",
                           R"({"begin":253402300800000})",
                           R"({"begin":"now"})",
                           R"({"begin":5,"mx":7})",
                           R"({"begin":5,"mx":"\udc00"})",
                           R"({"begin":5,"mx":"\u0000"})",
                           R"({"begin":5,"domains":{"\udc00":1}})",
                           R"({"begin":5,"bits":-1})",
                           R"({"begin":5,"domains":{"a":"b"}})",
                           R"({"begin":5,"certificate":"maybe"})",
                           R"({"begin":null})",
                           R"({"begin":5,"failure":"bad luck"})",
                           R"({"begin":5,"awaits":"yes"})",
                           R"({"begin":5,"mx":{}})",
                           R"({"begin":5,"mx":["a"]})",
                           R"({"begin":5,"domains":7})",
                           R"({"begin":5,"domains":{"a":-1}})",
                           R"({"begin":5,"domains":{"a":{}}})",
                           R"({"begin":5,"bits":4294967296})",
                           R"({"begin":5}{"begin":5})",
                           R"([{"begin":5}])",
                           "{\"begin\":5,\"mx\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK(bad(decode(text)).fault == Fault::data);
  }
}

TEST_CASE("the outcome follows from what was seen") {
  CHECK(session_outcome(tls_session()) == Outcome::tls);
  CHECK(session_outcome(plaintext_session()) == Outcome::plaintext);
  CHECK(session_outcome({.helo = "x"}) == Outcome::no_mail);
  CHECK(session_outcome({}) == Outcome::no_helo);
  CHECK(session_outcome({.tls_version = "TLSv1.2"}) == Outcome::tls);
  CHECK(session_outcome({.helo = "x", .failure = session::HandshakeFailure::lost_connection}) ==
        Outcome::failed);
}
