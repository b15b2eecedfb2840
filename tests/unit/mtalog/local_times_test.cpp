#include "mtalog/local_times.h"

#include <cstdlib>
#include <ctime>

#include "support.h"

using namespace starttls;
using namespace starttls::mtalog;
using namespace starttls::test;

namespace {

// Sets the time zone of the process for the lifetime of this object.
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

std::string text_of(std::optional<Time> time) {
  return time ? to_rfc3339(*time) : "none";
}

std::variant<Time, LocalStamp> stamp_of(std::string_view stamp) {
  const std::string line = std::string(stamp) + " mx a[1]: x";
  return split(line)->stamp;
}

// The time of a line that was just written.
std::string fresh(std::string_view stamp, std::string_view now) {
  return text_of(LocalTimes().resolve(stamp_of(stamp), at(now), true));
}

// The times of lines that are read late, one after the other.
class Late {
 public:
  explicit Late(std::string_view now, std::optional<Time> last = std::nullopt)
      : now_(at(now)), times_(last) {}
  std::string operator()(std::string_view stamp) {
    return text_of(times_.resolve(stamp_of(stamp), now_, false));
  }
  std::optional<Time> last() const { return times_.last(); }

 private:
  Time now_;
  LocalTimes times_;
};

}  // namespace

TEST_CASE("a timestamp without a zone is read in that of the process, with a zone in its own") {
  const Zone zone("Europe/Berlin");
  CHECK(fresh("Nov 26 16:40:06", "2026-11-26T15:41:00Z") == "2026-11-26T15:40:06Z");
  CHECK(fresh("Jul  6 16:40:06.250", "2026-07-06T15:41:00Z") == "2026-07-06T14:40:06.250Z");
  CHECK(fresh("2026-07-06T16:40:06", "2026-07-06T15:41:00Z") == "2026-07-06T14:40:06Z");
  CHECK(fresh("2026-11-26T16:40:06.123456+01:00", "2020-01-01T00:00:00Z") == "2026-11-26T15:40:06.123Z");
}

TEST_CASE("a line that was just written is of the current hour, if that occurs twice") {
  {
    const Zone zone("Europe/Berlin");  // 2026-10-25, 03:00 CEST is 02:00 CET: 01:00Z
    CHECK(fresh("Oct 25 02:30:00", "2026-10-25T00:30:01Z") == "2026-10-25T00:30:00Z");
    CHECK(fresh("Oct 25 02:30:00", "2026-10-25T01:30:01Z") == "2026-10-25T01:30:00Z");
    CHECK(fresh("Oct 25 02:00:00", "2026-10-25T00:00:00Z") == "2026-10-25T00:00:00Z");
    CHECK(fresh("Oct 25 02:59:59", "2026-10-25T00:59:59Z") == "2026-10-25T00:59:59Z");
    CHECK(fresh("Oct 25 02:00:00", "2026-10-25T01:00:00Z") == "2026-10-25T01:00:00Z");
    CHECK(fresh("2026-10-25T02:30:00", "2026-10-25T00:30:01Z") == "2026-10-25T00:30:00Z");
    CHECK(fresh("2026-10-25T02:30:00", "2026-10-25T01:30:01Z") == "2026-10-25T01:30:00Z");
    CHECK(fresh("Oct 25 01:59:59", "2026-10-25T00:00:00Z") == "2026-10-24T23:59:59Z");
    CHECK(fresh("Oct 25 03:00:00", "2026-10-25T02:00:00Z") == "2026-10-25T02:00:00Z");
  }
  {
    const Zone zone("America/New_York");  // 2026-11-01, 02:00 EDT is 01:00 EST: 06:00Z
    CHECK(fresh("Nov  1 01:30:00", "2026-11-01T05:30:01Z") == "2026-11-01T05:30:00Z");
    CHECK(fresh("Nov  1 01:30:00", "2026-11-01T06:30:01Z") == "2026-11-01T06:30:00Z");
    CHECK(fresh("Nov  1 01:59:59", "2026-11-01T05:59:59Z") == "2026-11-01T05:59:59Z");
    CHECK(fresh("Nov  1 01:00:00", "2026-11-01T06:00:00Z") == "2026-11-01T06:00:00Z");
  }
  {
    const Zone zone("Australia/Lord_Howe");  // by half an hour: 2026-04-05, 02:00 LHDT is 01:30 LHST: 15:00Z
    CHECK(fresh("Apr  5 01:45:00", "2026-04-04T14:45:01Z") == "2026-04-04T14:45:00Z");
    CHECK(fresh("Apr  5 01:45:00", "2026-04-04T15:15:01Z") == "2026-04-04T15:15:00Z");
  }
}

TEST_CASE("a time in the hour that is skipped in spring is still converted") {
  {
    const Zone zone("Europe/Berlin");  // 2026-03-29, 02:00 CET is 03:00 CEST: 01:00Z
    CHECK(fresh("Mar 29 02:30:00", "2026-03-29T01:30:01Z") == "2026-03-29T01:30:00Z");
    CHECK(fresh("Mar 29 01:59:59", "2026-03-29T00:59:59Z") == "2026-03-29T00:59:59Z");
    CHECK(fresh("Mar 29 03:00:00", "2026-03-29T01:00:00Z") == "2026-03-29T01:00:00Z");
    Late late("2026-03-29T12:00:00Z");
    CHECK(late("Mar 29 01:59:59") == "2026-03-29T00:59:59Z");
    CHECK(late("Mar 29 03:00:00") == "2026-03-29T01:00:00Z");
  }
  {
    const Zone zone("America/New_York");  // 2026-03-08, 02:00 EST is 03:00 EDT: 07:00Z
    CHECK(fresh("Mar  8 02:30:00", "2026-03-08T07:30:01Z") == "2026-03-08T07:30:00Z");
    CHECK(fresh("Mar  8 01:59:59", "2026-03-08T06:59:59Z") == "2026-03-08T06:59:59Z");
    CHECK(fresh("Mar  8 03:00:00", "2026-03-08T07:00:00Z") == "2026-03-08T07:00:00Z");
  }
}

TEST_CASE("lines that are read late have increasing times") {
  {
    const Zone zone("Europe/Berlin");
    for (const char* now : {"2026-10-25T02:10:00Z", "2026-10-25T12:00:00Z", "2026-10-27T12:00:00Z"}) {
      CAPTURE(now);
      Late late(now);
      CHECK(late("Oct 25 01:50:00") == "2026-10-24T23:50:00Z");
      CHECK(late("Oct 25 02:10:00") == "2026-10-25T00:10:00Z");
      CHECK(late("Oct 25 02:59:58") == "2026-10-25T00:59:58Z");
      CHECK(late("Oct 25 02:59:57") == "2026-10-25T00:59:57Z");  // another process was slower
      CHECK(late("Oct 25 02:00:01") == "2026-10-25T01:00:01Z");
      CHECK(late("Oct 25 02:30:00") == "2026-10-25T01:30:00Z");
      CHECK(late("Oct 25 03:05:00") == "2026-10-25T02:05:00Z");
    }
  }
  {
    const Zone zone("America/New_York");
    Late late("2026-11-01T20:00:00Z");
    CHECK(late("Nov  1 00:59:00") == "2026-11-01T04:59:00Z");
    CHECK(late("Nov  1 01:30:00") == "2026-11-01T05:30:00Z");
    CHECK(late("Nov  1 01:05:00") == "2026-11-01T06:05:00Z");
    CHECK(late("Nov  1 02:00:00") == "2026-11-01T07:00:00Z");
  }
}

TEST_CASE("reading continues where it stopped within the hour that occurs twice") {
  const Zone zone("Europe/Berlin");
  {
    Late first_pass("2026-10-25T12:00:00Z", at("2026-10-25T00:20:00Z"));
    CHECK(first_pass("Oct 25 02:30:00") == "2026-10-25T00:30:00Z");
    CHECK(first_pass("Oct 25 02:05:00") == "2026-10-25T01:05:00Z");
    Late second_pass("2026-10-25T12:00:00Z", at("2026-10-25T01:20:00Z"));
    CHECK(second_pass("Oct 25 02:30:00") == "2026-10-25T01:30:00Z");
    CHECK(second_pass.last() == at("2026-10-25T01:30:00Z"));
  }
  // The lines before are unknown.
  CHECK(Late("2026-10-25T12:00:00Z")("Oct 25 02:30:00") == "2026-10-25T01:30:00Z");
  CHECK(Late("2026-10-25T00:35:00Z")("Oct 25 02:30:00") == "2026-10-25T00:30:00Z");
}

TEST_CASE("a line without a year gets the nearest one, or the one that follows the line before") {
  CHECK(fresh("Dec 31 23:59:59", "2027-01-01T00:00:01Z") == "2026-12-31T23:59:59Z");
  CHECK(fresh("Jan  1 00:00:01", "2026-12-31T23:59:59Z") == "2027-01-01T00:00:01Z");
  Late january("2027-01-20T12:00:00Z");
  CHECK(january("Dec 24 12:00:00") == "2026-12-24T12:00:00Z");
  CHECK(january("Dec 31 23:59:59") == "2026-12-31T23:59:59Z");
  CHECK(january("Jan  1 00:00:01") == "2027-01-01T00:00:01Z");
  Late after_a_silence("2026-11-20T12:00:00Z", at("2025-12-30T12:00:00Z"));
  CHECK(after_a_silence("Nov 19 12:00:00") == "2026-11-19T12:00:00Z");
  Late leap_day("2028-03-01T12:00:00Z");
  CHECK(leap_day("Feb 29 12:00:00") == "2028-02-29T12:00:00Z");
}

TEST_CASE("a date that does not exist has no time") {
  CHECK(fresh("Feb 30 12:00:00", "2026-03-01T12:00:00Z") == "none");
  CHECK(fresh("Feb 29 12:00:00", "2026-03-01T12:00:00Z") == "none");
}

TEST_CASE("a clock that was wrong for a while, or set back, does not affect later lines") {
  Late late("2026-11-26T12:00:00Z");
  CHECK(late("2035-01-01T00:00:00Z") == "2035-01-01T00:00:00Z");
  CHECK(late("Nov 26 11:00:00") == "2026-11-26T11:00:00Z");
  CHECK(late("Nov 26 09:00:00") == "2026-11-26T09:00:00Z");
  CHECK(late("Nov 26 09:00:01") == "2026-11-26T09:00:01Z");
}
