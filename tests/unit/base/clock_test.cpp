#include "base/clock.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

TEST_CASE("an RFC 3339 time is read with any offset and fraction") {
  CHECK(to_rfc3339(at("2026-11-22T14:48:59Z")) == "2026-11-22T14:48:59Z");
  CHECK(to_rfc3339(at("2026-11-22t14:48:59.5z")) == "2026-11-22T14:48:59.500Z");
  CHECK(to_rfc3339(at("2026-01-01T01:30:00+02:00")) == "2025-12-31T23:30:00Z");
  CHECK(to_rfc3339(at("2025-12-31T20:30:00.123456789-03:30")) == "2026-01-01T00:00:00.123Z");
  CHECK(to_rfc3339(at("1969-12-31T23:00:00-02:00")) == "1970-01-01T01:00:00Z");
  CHECK(to_rfc3339(at("2024-02-29 23:59:60Z")) == "2024-02-29T23:59:59Z");
}

TEST_CASE("an invalid RFC 3339 time is refused") {
  for (const char* text :
       {"", "2026", "2026-11-22", "2026-11-22T14:48", "2026-11-22T14:48:59", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T14:60:00Z", "2026-11-22T14:48:61Z",
        "2026-11-22T14:48:59.Z", "2026-11-22T14:48:59+0200", "2026-11-22T14:48:59+24:00",
        "2026-11-22T14:48:59Zx", "1969-12-31T23:59:59Z", "+026-11-22T14:48:59Z", "9999-12-31T23:59:59-00:01",
        "1970-01-01T00:00:00+00:01", "1969-12-31T23:59:59+23:00"}) {
    CAPTURE(text);
    CHECK(bad(parse_rfc3339(text)).fault == Fault::data);
  }
}

TEST_CASE("days are UTC days") {
  CHECK(to_string(to_day(at("2026-11-22T23:59:59.999Z"))) == "2026-11-22");
  CHECK(good(parse_day("2024-02-29")) == to_day(at("2024-02-29T12:00:00Z")));
  CHECK(bad(parse_day("2026-2-1")).fault == Fault::data);
  CHECK(bad(parse_day("1969-12-31")).fault == Fault::data);
  CHECK(bad(parse_day("2026-02-30")).message.find("2026-02-30") != std::string::npos);
}

TEST_CASE("a program's clock is fixed if the environment sets it, and never guesses") {
  ::setenv("STARTTLS_TOOLKIT_NOW", "2026-11-22T00:00:00Z", 1);
  CHECK(good(program_clock())() == at("2026-11-22T00:00:00Z"));
  ::setenv("STARTTLS_TOOLKIT_NOW", "tomorrow", 1);
  CHECK(bad(program_clock()).fault == Fault::usage);
  ::setenv("STARTTLS_TOOLKIT_NOW", "/nowhere/at/all", 1);
  CHECK(bad(program_clock()).fault == Fault::usage);
  ::unsetenv("STARTTLS_TOOLKIT_NOW");
  CHECK(good(program_clock())() > at("2024-01-01T00:00:00Z"));
}

TEST_CASE("a program's clock follows the file that the environment names") {
  const TemporaryFolder folder;
  const auto file = folder / "now";
  write(file, "2026-11-22T00:00:00Z\n");
  ::setenv("STARTTLS_TOOLKIT_NOW", file.c_str(), 1);
  const Clock clock = good(program_clock());
  CHECK(clock() == at("2026-11-22T00:00:00Z"));
  write(file, "2026-11-21T00:00:00Z");
  CHECK(clock() == at("2026-11-21T00:00:00Z"));
  write(file, "2026-11-");
  CHECK(clock() == at("2026-11-21T00:00:00Z"));
  CHECK(bad(program_clock()).fault == Fault::usage);
  ::unsetenv("STARTTLS_TOOLKIT_NOW");
}
