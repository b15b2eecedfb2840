#include <filesystem>
#include <fstream>

#include "base/subprocess.h"
#include "event/loop.h"
#include "mtalog/follower.h"
#include "outbound_events.h"

using namespace starttls;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

using Domains = std::vector<std::string>;

// Follows a log, from where the last one stopped.
struct Listening {
  std::string source;
  std::optional<session::LogPosition> position;
  std::vector<std::size_t> at_once;  // how many handshakes came together
  mtalog::LogReading reading = {};

  // The recipient domains of all that there is to read.
  Domains hear_all() {
    Domains domains;
    at_once.clear();
    event::Loop loop;
    const auto follower = good(mtalog::follow(loop, source, position, system_clock(), callbacks(domains)));
    // What it posts to itself runs before our fifth turn.
    std::function<void(int)> turn = [&](int left) {
      if (left == 0) return loop.stop();
      loop.post([&turn, left] { turn(left - 1); });
    };
    turn(5);
    loop.run();
    reading = follower->reading();
    return domains;
  }

 private:
  mtalog::OutboundCallbacks callbacks(Domains& domains) {
    return {.handshakes =
                [&](std::span<const mtalog::OutboundHandshake> handshakes, const session::LogPosition& at) {
                  keep(at);
                  at_once.push_back(handshakes.size());
                  for (const auto& handshake : handshakes) domains.push_back(handshake.recipient_domain);
                },
            .position = [this](const session::LogPosition& at) { keep(at); }};
  }

  void keep(const session::LogPosition& at) {
    CHECK((!position || position->number < at.number));
    position = at;
  }
};

struct Log {
  TemporaryFolder folder;
  fs::path file = folder / "mail.log";

  void add(std::string_view text) const { std::ofstream(file, std::ios::app | std::ios::binary) << text; }
};

std::string delivery(std::string_view domain, int process) {
  const std::string peer = fmt::format("mx.{}[192.0.2.1]", domain);
  return smtp_line(established("Trusted", peer), process) +
         smtp_line(delivered(fmt::format("a@{}", domain), peer + ":25", "4jcz"), process) +
         smtp_line(delivered(fmt::format("b@{}", domain), peer + ":25", "4jcz"), process);
}

}  // namespace

TEST_CASE("whenever following stops and starts again, each outbound handshake is reported once") {
  std::istringstream lines_a(delivery("a.test", 1));
  std::istringstream lines_b(delivery("b.test", 2));
  std::string text;
  for (std::string line_a, line_b; std::getline(lines_a, line_a) && std::getline(lines_b, line_b);)
    text.append(line_a).append("\n").append(line_b).append("\n");
  text += delivery("c.test", 1);
  for (std::size_t cut = 0; cut <= text.size(); cut += 23) {
    CAPTURE(cut);
    const Log log;
    log.add("");
    Listening listening{.source = log.file};
    CHECK(listening.hear_all().empty());
    log.add(text.substr(0, cut));
    Domains heard = listening.hear_all();
    log.add(text.substr(cut));
    for (const std::string& more : listening.hear_all()) heard.push_back(more);
    CHECK(heard == Domains{"a.test", "b.test", "c.test"});
  }
}

TEST_CASE("from each reported position exactly the later outbound handshakes follow, also over a rotation") {
  const Log log;
  log.add("");
  Listening listening{.source = log.file};
  CHECK(listening.hear_all().empty());
  std::vector<session::LogPosition> positions{*listening.position};
  const Domains domains{"a.test", "b.test", "c.test", "d.test"};
  for (const std::string& domain : domains) {
    if (domain == "c.test") fs::rename(log.file, log.folder / "mail.log.1");
    log.add(delivery(domain, 1));
    CHECK(listening.hear_all() == Domains{domain});
    positions.push_back(*listening.position);
  }
  for (std::size_t given = 0; given < positions.size(); ++given) {
    CAPTURE(given);
    Listening again{.source = log.file, .position = positions[given]};
    CHECK(again.hear_all() == Domains(domains.begin() + static_cast<std::ptrdiff_t>(given), domains.end()));
    CHECK(again.hear_all().empty());
  }
}

TEST_CASE("the outbound handshakes that one line ends come together, with one position") {
  const Log log;
  log.add("");
  Listening listening{.source = log.file};
  CHECK(listening.hear_all().empty());
  log.add(sendmail_out(sendmail_tls("OK")) +
          sendmail_out(sendmail_delivered("<x@a.test>,<y@b.test>,<z@a.test>")));
  CHECK(listening.hear_all() == Domains{"a.test", "b.test"});
  CHECK(listening.at_once == std::vector<std::size_t>{2});
}

TEST_CASE("a follower counts the deliveries of which the log does not tell whether they had TLS") {
  const Log log;
  log.add("");
  Listening listening{.source = log.file};
  CHECK(listening.hear_all().empty());
  log.add(smtp_line(delivered("bob@example.org")) + delivery("a.test", 2));
  CHECK(listening.hear_all() == Domains{"a.test"});
  CHECK(listening.reading.lines == 4);
  CHECK(listening.reading.session_lines == 3);
  CHECK(listening.reading.unclear_lines == 1);
}

TEST_CASE("outbound handshakes are found in the journal, and none is reported twice") {
  const TemporaryFolder folder;
  const auto entry = [](int second, std::string_view program, int process, std::string_view message) {
    return fmt::format(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"
        "SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER={}\nSYSLOG_PID={}\nMESSAGE={}\n\n",
        1'795'348'800'000'000 + second * 1'000'000LL, second * 1'000'000 + 1, program, process, message);
  };
  const auto add = [&](const std::string& entries) {
    write(folder / "entries", entries);
    const auto done =
        good(run_program({.argv = {STARTTLS_JOURNAL_REMOTE,
                                   "--output=" + (folder / "system.journal").string(), folder / "entries"}}));
    INFO(done.err);
    REQUIRE(done.succeeded());
  };
  add(entry(0, "postfix/smtp", 5, established("Trusted")) +
      entry(1, "sendmail", 6, sendmail_tls("OK", "mx.b.test.")) +
      entry(2, "sendmail", 6, sendmail_delivered("<x@b.test>", "mx.b.test. [192.0.2.2]")));
  Listening listening{
      .source = "journal:" + folder.path().string(),
      .position = session::LogPosition{
          .number = 1,
          .text = "journal 0 "
                  "s=00000000000000000000000000000001;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=1"}};
  CHECK(listening.hear_all() == Domains{"b.test"});
  add(entry(3, "postfix/smtp", 5, delivered("x@example.org")) +
      entry(4, "postfix/smtp", 5, delivered("y@example.org")));
  CHECK(listening.hear_all() == Domains{"example.org"});
  CHECK(listening.hear_all().empty());
}
