#include "mtalog/line.h"

#include <cstdlib>
#include <ctime>

#include "support.h"

using namespace starttls;
using namespace starttls::mtalog;
using namespace starttls::test;

namespace {

// The time zone of the process, for as long as it lives.
class Zone {
 public:
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

std::string time_in(std::string_view head, std::string_view near) {
  const auto time = time_of(head, at(near));
  return time ? to_rfc3339(*time) : "none";
}

}  // namespace

TEST_CASE("a line is split into time, program, process and message, in each form") {
  for (const char* text :
       {"Nov 26 16:40:06 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "<22>Nov 26 16:40:06 postfix/smtpd[123]: connect from x[192.0.2.1]"}) {
    CAPTURE(text);
    const auto line = split(text);
    REQUIRE(line.has_value());
    CHECK(line->program == "postfix/smtpd");
    CHECK(line->process == "123");
    CHECK(line->message == "connect from x[192.0.2.1]");
  }
  for (const char* text : {"", "x", "]: ", "kernel: something", "[1] x", "Nov 26 16:40:06 mx cron: x"})
    CHECK_FALSE(split(text).has_value());
}

TEST_CASE("the time of a line is read in the zone of the process, or in its own") {
  {
    const Zone zone("Europe/Berlin");
    CHECK(time_in("Nov 26 16:40:06 mx ", "2026-11-26T15:41:00Z") == "2026-11-26T15:40:06Z");
    CHECK(time_in("Jul  6 16:40:06 mx ", "2026-07-06T15:41:00Z") == "2026-07-06T14:40:06Z");
    CHECK(time_in("2026-11-26T16:40:06.123456+01:00 mx ", "2020-01-01T00:00:00Z") ==
          "2026-11-26T15:40:06.123Z");
  }
  CHECK(time_in("<22>Nov 26 16:40:06 sm-mta", "2026-11-26T16:41:00Z") == "2026-11-26T16:40:06Z");
}

TEST_CASE("a line without year is of the one that is nearest") {
  CHECK(time_in("Dec 31 23:59:59 mx ", "2027-01-01T00:00:01Z") == "2026-12-31T23:59:59Z");
  CHECK(time_in("Jan  1 00:00:01 mx ", "2026-12-31T23:59:59Z") == "2027-01-01T00:00:01Z");
}

TEST_CASE("what is no time is none") {
  for (const char* head : {"", "x", "Nov 26", "Nov 66 16:40:06 mx ", "Nov 26 25:40:06 mx ",
                           "Foo 26 16:40:06 mx ", "<22", "2026-13-26T16:40:06Z mx ", "Nov -1 16:40:06 mx "}) {
    CAPTURE(head);
    CHECK(time_in(head, "2026-11-26T16:41:00Z") == "none");
  }
}
