#include <filesystem>

#include "base/subprocess.h"
#include "follower_events.h"
#include "lines.h"

using namespace starttls;
using namespace starttls::test;

namespace {

using Numbers = std::vector<std::string>;

// An entry in systemd's export format.
std::string entry(int second, std::string_view program, int process, std::string_view message,
                  std::chrono::hours clock_is_off = {}) {
  const std::int64_t time =
      (at("2026-11-22T12:00:00Z") + clock_is_off).time_since_epoch().count() * 1000 + second * 1'000'000;
  return fmt::format(
      "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"
      "SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER={}\nSYSLOG_PID={}\nMESSAGE={}\n\n",
      time, second * 1'000'000 + 1, program, process, message);
}

std::string failed(int second, int client, int process = 5, std::chrono::hours clock_is_off = {}) {
  return entry(second, "postfix/smtpd", process,
               fmt::format("SSL_accept error from a[192.0.2.{}]: lost connection", client), clock_is_off) +
         entry(second + 1, "postfix/smtpd", process,
               fmt::format("disconnect from a[192.0.2.{}] ehlo=1 starttls=0/1 commands=1/2", client),
               clock_is_off);
}

const std::string before_all =
    "journal 0 s=00000000000000000000000000000001;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=1";

struct Journal {
  TemporaryFolder folder;

  void add(const std::string& entries) {
    write(folder / "entries", entries);
    const auto done =
        good(run_program({.argv = {STARTTLS_JOURNAL_REMOTE,
                                   "--output=" + (folder / "system.journal").string(), folder / "entries"}}));
    INFO(done.err);
    REQUIRE(done.succeeded());
  }
  std::string source() const { return "journal:" + folder.path().string(); }
};

}  // namespace

TEST_CASE("the journal is followed from a position, and nothing is reported twice") {
  Journal journal;
  journal.add(entry(0, "cron", 1, "something else") + failed(1, 1));
  FollowerEvents listening(journal.source());
  CHECK(listening.hear_all().empty());  // it is older than the start
  listening.position = session::LogPosition{.number = 3, .text = before_all};
  CHECK(listening.hear_all() == Numbers{"1"});
  CHECK(listening.hear_all().empty());
  journal.add(
      failed(10, 2) +
      entry(20, "sm-mta", 9,
            "STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, "
            "errno=0, retry=-1, relay=[192.0.2.3]") +
      entry(21, "sm-mta", 9, "[192.0.2.3] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA"));
  CHECK(listening.hear_all() == Numbers{"2", "3"});
  CHECK(listening.position->number > 3);
}

TEST_CASE("a session that was unfinished at the position keeps its reason") {
  Journal journal;
  journal.add(entry(0, "postfix/smtpd", 5, "SSL_accept error from a[192.0.2.1]: lost connection") +
              failed(1, 2, 6));
  FollowerEvents listening(journal.source());
  listening.position = session::LogPosition{.number = 1, .text = before_all};
  CHECK(listening.hear_all() == Numbers{"2"});
  journal.add(entry(5, "postfix/smtpd", 5, "disconnect from a[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2"));
  CHECK(listening.hear_all() == Numbers{"1"});
  CHECK(listening.reason == session::HandshakeFailure::lost_connection);
}

TEST_CASE("after a clock was set back each failure is reported once") {
  Journal journal;
  journal.add(failed(1, 1));
  FollowerEvents listening(journal.source());
  listening.position = session::LogPosition{.number = 1, .text = before_all};
  CHECK(listening.hear_all() == Numbers{"1"});
  const std::chrono::hours a_day_back{-24};
  journal.add(failed(10, 2, 5, a_day_back));
  CHECK(listening.hear_all() == Numbers{"2"});
  journal.add(failed(20, 3, 5, a_day_back) + failed(30, 4));
  CHECK(listening.hear_all() == Numbers{"3", "4"});
  CHECK(listening.hear_all().empty());
}

TEST_CASE("a follower that stops before the first failure continues in the journal from where it started") {
  Journal journal;
  journal.add(failed(1, 1));
  FollowerEvents listening(journal.source());
  CHECK(listening.hear_all().empty());
  journal.add(failed(10, 2));
  CHECK(listening.hear_all() == Numbers{"2"});
}
