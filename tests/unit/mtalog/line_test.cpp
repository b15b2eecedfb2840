#include "mtalog/line.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mtalog;
using namespace starttls::test;

namespace {

std::string stamp_of(std::string_view text) {
  const auto line = split(text);
  if (!line) return "none";
  if (const auto* const time = std::get_if<Time>(&line->stamp)) return to_rfc3339(*time);
  const auto& local = std::get<LocalStamp>(line->stamp);
  return fmt::format("{}-{}-{} {}:{}:{}", local.year, local.month, local.day, local.hour, local.minute,
                     local.second.count());
}

}  // namespace

TEST_CASE("a line is split into time, program, process and message, in each form") {
  for (const char* text :
       {"Nov 26 16:40:06 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "Nov  6 16:40:06 postfix/smtpd[123]: connect from x[192.0.2.1]",
        "<22>Nov 26 16:40:06 postfix/smtpd[123]: connect from x[192.0.2.1]",
        "<22>Nov 26 16:40:06 mx postfix/smtpd[123]: connect from x[192.0.2.1]\r",
        "Nov 26 16:40:06 <mail.info> mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "Nov 26 16:40:06.123456 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "Nov 26 16:40:06 mx postfix/smtpd[123]: [ID 197553 mail.info] connect from x[192.0.2.1]",
        "2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "2026-11-26T16:40:06+0000 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "2026-11-26T16:40:06 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "2026-11-26 16:40:06,123 mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "<22>2026-11-26T16:40:06Z mx postfix/smtpd[123]: connect from x[192.0.2.1]",
        "<34>1 2026-11-26T16:40:06.123Z mx postfix/smtpd 123 - - connect from x[192.0.2.1]",
        "<34>1 2026-11-26T16:40:06Z - postfix/smtpd 123 ID47 - \xEF\xBB\xBF"
        "connect from x[192.0.2.1]",
        "<34>1 2026-11-26T16:40:06Z mx postfix/smtpd 123 - [a@1 b=\"]: x[1]: \\\"]\"][c@1 d=\"e\"] connect "
        "from "
        "x[192.0.2.1]",
        "<34>1 2026-11-26T16:40:06+01:00 mx postfix/smtpd 123 - -  connect from x[192.0.2.1]",
        "1 2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd 123 - - connect from x[192.0.2.1]",
        "2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd 123 - - connect from x[192.0.2.1]"}) {
    CAPTURE(text);
    const auto line = split(text);
    REQUIRE(line.has_value());
    CHECK(line->program == "postfix/smtpd");
    CHECK(line->process == "123");
    CHECK(line->message == "connect from x[192.0.2.1]");
  }
}

TEST_CASE("a program without a process id is read without one") {
  for (const char* text : {"Nov 26 16:40:06 mx cron: x", "<34>1 2026-11-26T16:40:06Z mx cron - - - x"}) {
    CAPTURE(text);
    const auto line = split(text);
    REQUIRE(line.has_value());
    CHECK(line->program == "cron");
    CHECK(line->process.empty());
    CHECK(line->message == "x");
  }
}

TEST_CASE("a quotation by another program is its message, whatever it looks like") {
  const std::string quoted = "postfix/smtpd[1]: disconnect from a[192.0.2.1] ehlo=1 starttls=0/1";
  for (const char* head :
       {"2026-11-22T12:00:00Z mx dovecot: imap-login: user=<x ", "Nov 22 12:00:00 mx root: ",
        "<22>Nov 22 12:00:00 kernel: ", "<34>1 2026-11-22T12:00:00Z mx dovecot 7 - - ",
        "<34>1 2026-11-22T12:00:00Z mx dovecot - - - ", "1 2026-11-22T12:00:00Z mx dovecot 7 - - ",
        "2026-11-22T12:00:00Z mx dovecot 7 - - ", "2026-11-22T12:00:00Z mx root: 1 - - ",
        "<34>1 2026-11-22T12:00:00Z mx dovecot 7 - [a b=\"c\"] "}) {
    CAPTURE(head);
    const auto line = split(head + quoted);
    REQUIRE(line.has_value());
    CHECK(line->program != "postfix/smtpd");
  }
}

TEST_CASE("a timestamp has a zone, or is local time") {
  CHECK(stamp_of("2026-11-26T16:40:06.123456+01:00 mx a[1]: x") == "2026-11-26T15:40:06.123Z");
  CHECK(stamp_of("2026-11-26T16:40:06+0100 mx a[1]: x") == "2026-11-26T15:40:06Z");
  CHECK(stamp_of("2026-11-26T16:40:06.5-0530 mx a[1]: x") == "2026-11-26T22:10:06.500Z");
  CHECK(stamp_of("2026-11-26T16:40:06+01 mx a[1]: x") == "2026-11-26T15:40:06Z");
  CHECK(stamp_of("2026-11-26T16:40:06Z mx a[1]: x") == "2026-11-26T16:40:06Z");
  CHECK(stamp_of("2026-11-26T16:40:06.25 mx a[1]: x") == "2026-11-26 16:40:6250");
  CHECK(stamp_of("2026-11-26 16:40:06 mx a[1]: x") == "2026-11-26 16:40:6000");
  CHECK(stamp_of("Nov  6 16:40:06 mx a[1]: x") == "0-11-6 16:40:6000");
  CHECK(stamp_of("<22>Feb 29 23:59:60.7 mx a[1]: x") == "0-2-29 23:59:60700");
}

TEST_CASE("a line of another form is not parsed") {
  for (const char* text : {"",
                           "x",
                           "]: ",
                           "kernel: something",
                           "[1] x",
                           "Nov 26",
                           "Nov 66 16:40:06 mx a[1]: x",
                           "Nov 26 25:40:06 mx a[1]: x",
                           "Foo 26 16:40:06 mx a[1]: x",
                           "<22",
                           "<22>",
                           "<2222>Nov 26 16:40:06 mx a[1]: x",
                           "2026-13-26T16:40:06Z mx a[1]: x",
                           "Nov -1 16:40:06 mx a[1]: x",
                           "Nov 26 16:40:06x mx a[1]: x",
                           "Nov 26 16:40:06. mx a[1]: x",
                           "1764175206 mx a[1]: x",
                           "<34>1 - mx postfix/smtpd 123 - - x",
                           "<34>1 2026-11-26T16:40:06Z mx postfix/smtpd 123 -",
                           "<34>1 2026-11-26T16:40:06Z mx postfix/smtpd 12x - - x",
                           "<34>1 2026-11-26T16:40:06Z mx postfix/smtpd 123 - [a b=\"c",
                           "Nov 26 16:40:06 mx last message repeated 2 times",
                           "{\"message\": \"disconnect from a[192.0.2.1]\"}"}) {
    CAPTURE(text);
    CHECK_FALSE(split(text).has_value());
  }
}
