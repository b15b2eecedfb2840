#include "doctor/check.h"

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;

namespace {

const Trouble trouble{.seen = "is tempfail", .why = "Mail waits.", .remedy = "one\ntwo"};

}  // namespace

TEST_CASE("a check is a line, with reason and remedy below what is not ok") {
  const Checks checks{ok("clock", "clock", "is synchronized"), warning("action", "Postfix", trouble)};
  CHECK(to_text(checks, false) ==
        "ok          clock: is synchronized (clock)\n"
        "warning     Postfix: is tempfail (action)\n"
        "            why  Mail waits.\n"
        "            do   one\n"
        "                 two\n"
        "0 faults, 1 warning, 1 ok, 0 cannot tell\n");
}

TEST_CASE("with only what is not ok nothing is printed if there is nothing else") {
  const Checks good{ok("clock", "clock", "is synchronized")};
  CHECK(to_text(good, true).empty());
  const Checks mixed{good.front(), cannot_tell("clock", "clock", "no right to look", "Run it as root.")};
  CHECK(to_text(mixed, true) ==
        "cannot tell clock: no right to look (clock)\n"
        "            why  Run it as root.\n"
        "0 faults, 0 warnings, 1 ok, 1 cannot tell\n");
}

TEST_CASE("warnings and faults are findings, and a check without a result is none") {
  CHECK(exit_status(Checks{}) == 0);
  CHECK(exit_status(Checks{ok("a", "b", "c"), cannot_tell("a", "b", "c")}) == 0);
  CHECK(exit_status(Checks{warning("a", "b", trouble)}) == 1);
  CHECK(exit_status(Checks{fault("a", "b", trouble)}) == 1);
}

TEST_CASE("JSON has every check with its level as a word") {
  const std::string json = to_json(Checks{fault("a", "b", trouble), cannot_tell("c", "d", "e")});
  for (const char* const part : {"\"faults\": 1", "\"warnings\": 0", "\"level\": \"fault\"",
                                 "\"level\": \"cannot-tell\"", "\"remedy\": \"one\\ntwo\""}) {
    INFO(part);
    CHECK(json.contains(part));
  }
}

TEST_CASE("what comes from outside is escaped") {
  CHECK(to_text(Checks{ok("a", "b\x1b", "c\n")}, false).starts_with("ok          b\\x1b: c\\x0a (a)\n"));
}
