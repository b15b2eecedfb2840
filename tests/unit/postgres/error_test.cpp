#include "postgres/error.h"

#include "support.h"

using namespace starttls;
using namespace starttls::postgres;

TEST_CASE("temporary errors are distinguished from permanent ones") {
  for (const char* code : {"", "08006", "40001", "40P01", "53200", "53300", "55P03", "57014", "57P01",
                           "57P03", "25006", "23505", "42P07"}) {
    INFO(code);
    CHECK(sqlstate_fault(code) == Fault::temporary);
  }
  for (const char* code : {"28P01", "28000", "42501"}) CHECK(sqlstate_fault(code) == Fault::permission);
  for (const char* code : {"53100", "58030"}) CHECK(sqlstate_fault(code) == Fault::io);
  for (const char* code : {"42P01", "42703", "22001", "23502", "XX001"})
    CHECK(sqlstate_fault(code) == Fault::data);
  CHECK(sqlstate_fault("3D000") == Fault::config);
  CHECK(sqlstate_fault("XX000") == Fault::unavailable);
}

TEST_CASE("libpq's text about a failed connection becomes one line, and the server's code is found") {
  const auto refused = parse_connect_error(
      "connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  CHECK(refused.sqlstate.empty());
  CHECK(refused.text == R"(connection to server at "127.0.0.1", port 5432 failed: Connection refused )"
                        "Is the server running on that host and accepting TCP/IP connections?");
  const auto denied = parse_connect_error(
      "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication "
      "failed "
      "for user \"u\"\nLOCATION:  auth_failed, auth.c:326\n");
  CHECK(denied.sqlstate == "28P01");
  CHECK(
      denied.text ==
      R"(connection to server at "127.0.0.1", port 5432 failed: password authentication failed for user "u")");
}

TEST_CASE("an error of libpq about a parameter, before it connects, is an error of the configuration") {
  CHECK(connect_fault({.sqlstate = "", .text = R"(invalid sslmode value: "x")"}) == Fault::config);
  CHECK(connect_fault({.sqlstate = "", .text = "connection to server failed: timeout"}) == Fault::temporary);
  CHECK(connect_fault({.sqlstate = "28P01", .text = "invalid"}) == Fault::permission);
}

TEST_CASE("a server that answers in another language, or in binary, is understood") {
  const auto german = parse_connect_error(
      "Verbindung fehlgeschlagen: SCHWERWIEGEND:  53300: zu viele Verbindungen\nORT:  f, proc.c:354\n");
  CHECK(german.sqlstate == "53300");
  CHECK(german.text == "Verbindung fehlgeschlagen: zu viele Verbindungen");
  CHECK(parse_connect_error("\x1b[31m\xff").text == R"(\x1b[31m\xff)");
}
