#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "follower_events.h"
#include "lines.h"

using namespace starttls;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

using Numbers = std::vector<std::string>;

struct Log {
  TemporaryFolder folder;
  fs::path file = folder / "mail.log";

  void add(std::string_view text) const { std::ofstream(file, std::ios::app | std::ios::binary) << text; }
};

}  // namespace

TEST_CASE("without a position following starts at the end, and continues as the log grows") {
  const Log log;
  log.add(failed_session(1));
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(2) + failed_session(3)); };
  CHECK(listening.read(2) == Numbers{"2", "3"});
}

TEST_CASE("a log that does not exist yet is waited for, and read from its beginning") {
  const Log log;
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
}

TEST_CASE("a follower that continues from a position gets what was written meanwhile, and nothing twice") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  log.add(failed_session(2) + failed_session(3));
  listening.act = nullptr;
  CHECK(listening.hear_all() == Numbers{"2", "3"});
  CHECK(listening.hear_all().empty());
}

TEST_CASE("whenever following stops and starts again, each failure is reported once") {
  // Two processes at the same time, so that one is unfinished when the other's failure is reported.
  std::string text;
  const std::string a = failed_session(1, 100);
  const std::string b = failed_session(2, 200);
  std::istringstream lines_a(a);
  std::istringstream lines_b(b);
  for (std::string line_a, line_b; std::getline(lines_a, line_a) && std::getline(lines_b, line_b);)
    text += line_a + "\n" + line_b + "\n";
  text += failed_session(3, 100);
  for (std::size_t cut = 0; cut <= text.size(); cut += 23) {
    CAPTURE(cut);
    const Log log;
    log.add("");
    FollowerEvents listening(log.file);
    listening.act = [&] { log.add(failed_session(9)); };
    CHECK(listening.read(1) == Numbers{"9"});
    listening.act = nullptr;
    log.add(text.substr(0, cut));
    Numbers heard = listening.hear_all();
    log.add(text.substr(cut));
    for (const std::string& more : listening.hear_all()) heard.push_back(more);
    CHECK(heard == Numbers{"1", "2", "3"});
  }
}

TEST_CASE("from each reported position, exactly the later failures follow, also over a rotation") {
  for (std::size_t rotated_after = 0; rotated_after <= 6; ++rotated_after) {
    CAPTURE(rotated_after);
    const Log log;
    log.add("");
    FollowerEvents listening(log.file);
    CHECK(listening.hear_all().empty());
    std::vector<session::LogPosition> positions{*listening.position};
    // One process is unfinished all the time.
    log.add(postfix_line("SSL_accept error from a[192.0.2.99]: lost connection", 7));
    for (std::size_t i = 0; i < 6; ++i) {
      if (i == rotated_after) fs::rename(log.file, log.folder / "mail.log.1");
      log.add(failed_session(static_cast<int>(i) + 1));
      CHECK(listening.hear_all() == Numbers{std::to_string(i + 1)});
      positions.push_back(*listening.position);
    }
    log.add(postfix_line("disconnect from a[192.0.2.99] ehlo=1 starttls=0/1 commands=1/2", 7));
    for (std::size_t given = 0; given < positions.size(); ++given) {
      CAPTURE(given);
      Numbers expected;
      for (std::size_t i = given; i < 6; ++i) expected.push_back(std::to_string(i + 1));
      expected.emplace_back("99");
      FollowerEvents again(log.file);
      again.position = positions[given];
      CHECK(again.hear_all() == expected);
      CHECK(again.reason == session::HandshakeFailure::lost_connection);
      CHECK(again.hear_all().empty());
    }
  }
}

TEST_CASE("if the lines of an unfinished session are gone, no failure is reported twice") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  CHECK(listening.hear_all().empty());
  log.add(postfix_line("SSL_accept error from a[192.0.2.99]: lost connection", 7) + failed_session(1));
  CHECK(listening.hear_all() == Numbers{"1"});
  fs::rename(log.file, log.folder / "mail.log.1");
  log.add(failed_session(2));
  CHECK(listening.hear_all() == Numbers{"2"});
  fs::remove(log.folder / "mail.log.1");  // compressed
  log.add(failed_session(3));
  CHECK(listening.hear_all() == Numbers{"3"});
  CHECK(listening.hear_all().empty());
}

TEST_CASE("a rotated log is read to its end before the new one") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] {
    log.add(failed_session(1));
    fs::rename(log.file, log.folder / "mail.log.1");
    std::ofstream(log.folder / "mail.log.1", std::ios::app) << failed_session(2);
    log.add(failed_session(3));
  };
  CHECK(listening.read(3) == Numbers{"1", "2", "3"});
}

TEST_CASE("lines that are written to a renamed log before the new one has any are not missed") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] {
    fs::rename(log.file, log.folder / "mail.log.1");
    log.add("");
    std::ofstream(log.folder / "mail.log.1", std::ios::app) << failed_session(1);
  };
  CHECK(listening.read(1) == Numbers{"1"});
  log.add(failed_session(2));
  listening.act = nullptr;
  CHECK(listening.hear_all() == Numbers{"2"});
}

TEST_CASE(
    "of rotated files that were last written at the same moment, the one with the higher number is older") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  const auto moment = fs::file_time_type::clock::now();
  listening.act = [&] {
    for (const int number : {12, 11, 9}) {
      fs::rename(log.file, log.folder / fmt::format("mail.log.{}", number));
      log.add(failed_session(20 - number));
    }
    for (const auto& file : fs::directory_iterator(log.folder.path())) fs::last_write_time(file, moment);
  };
  CHECK(listening.read(3) == Numbers{"8", "9", "11"});
}

TEST_CASE("a new log that has no lines yet is watched") {
  const Log log;
  log.add("");
  const auto is_watched = [&] {
    struct stat info{};
    REQUIRE(::stat(log.file.c_str(), &info) == 0);
    const std::string wanted = fmt::format(" ino:{:x} ", info.st_ino);
    const auto descriptors = fs::directory_iterator("/proc/self/fdinfo");
    return std::ranges::any_of(descriptors, [&](const fs::directory_entry& one) {
      std::ifstream text(one.path());
      for (std::string line; std::getline(text, line);) {
        if (line.starts_with("inotify ") && line.contains(wanted)) return true;
      }
      return false;
    });
  };
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  fs::rename(log.file, log.folder / "mail.log.1");
  log.add("");
  bool was_watched = false;
  listening.at_end = [&] { was_watched = is_watched(); };
  CHECK(listening.hear_all().empty());
  CHECK(was_watched);
}

TEST_CASE("rotations while no follower runs are read later, in the order of the files") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  listening.act = nullptr;
  const auto rotate = [&](const char* to, int back) {
    fs::rename(log.file, log.folder / to);
    fs::last_write_time(log.folder / to, fs::file_time_type::clock::now() - std::chrono::hours{back});
  };
  log.add(failed_session(2));
  rotate("mail.log.2", 2);
  log.add(failed_session(3));
  rotate("mail.log.1", 1);
  write(log.folder / "mail.log.3.gz", "not to be read");
  log.add(failed_session(4));
  CHECK(listening.hear_all() == Numbers{"2", "3", "4"});
  CHECK(listening.hear_all().empty());
}

TEST_CASE("several rotations between two checks are all read") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] {
    log.add(failed_session(1));
    fs::rename(log.file, log.folder / "mail.log.1");
    log.add(failed_session(2));
    fs::rename(log.folder / "mail.log.1", log.folder / "mail.log.2");
    fs::rename(log.file, log.folder / "mail.log.1");
    log.add(failed_session(3));
  };
  CHECK(listening.read(3) == Numbers{"1", "2", "3"});
}

TEST_CASE("a follower that stops before the first failure continues from where it started") {
  const Log log;
  const bool exists = GENERATE(true, false);
  if (exists) log.add(failed_session(1));
  FollowerEvents listening(log.file);
  if (!exists) {
    CHECK(listening.hear_all().empty());
    log.add("");
  }
  CHECK(listening.hear_all().empty());
  log.add(failed_session(2));
  CHECK(listening.hear_all() == Numbers{"2"});
}

TEST_CASE("a log that is truncated and written from its beginning is read from there") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(std::string(10000, 'x') + "\n" + failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  listening.act = nullptr;
  std::ofstream(log.file, std::ios::trunc) << failed_session(2);
  CHECK(listening.hear_all() == Numbers{"2"});
}

TEST_CASE("a truncated log is detected also when it is already longer than before") {
  const Log log;
  log.add(failed_session(1));
  FollowerEvents listening(log.file);
  listening.act = [&] {
    std::ofstream(log.file, std::ios::trunc)
        << postfix_line("a new beginning") << failed_session(2) << failed_session(3);
  };
  CHECK(listening.read(2) == Numbers{"2", "3"});
}

TEST_CASE("a log that is truncated before it was read again to its position hides no new failure") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  CHECK(listening.hear_all().empty());
  log.add(postfix_line("SSL_accept error from a[192.0.2.99]: lost connection", 7) + failed_session(1) +
          failed_session(2));
  CHECK(listening.hear_all() == Numbers{"1", "2"});
  listening.before_it_reads = [&] { std::ofstream(log.file, std::ios::trunc) << failed_session(3); };
  CHECK(listening.hear_all() == Numbers{"3"});
}

TEST_CASE("a log that was copied and truncated while no follower ran is finished in its copy") {
  const Log log;
  log.add(failed_session(1));
  FollowerEvents listening(log.file);
  CHECK(listening.hear_all().empty());
  log.add(failed_session(2));
  CHECK(listening.hear_all() == Numbers{"2"});
  log.add(failed_session(3));
  fs::copy_file(log.file, log.folder / "mail.log.1");
  std::ofstream(log.file, std::ios::trunc) << postfix_line("a new beginning") << failed_session(4);
  CHECK(listening.hear_all() == Numbers{"3", "4"});
  CHECK(listening.hear_all().empty());
}

TEST_CASE("a file that replaces the one that was read is read from its beginning") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] { log.add(failed_session(1)); };
  CHECK(listening.read(1) == Numbers{"1"});
  listening.act = nullptr;
  fs::remove(log.file);
  log.add("another beginning\n" + failed_session(2));
  CHECK(listening.hear_all() == Numbers{"2"});
}

TEST_CASE("garbage and lines without an end do no harm") {
  const Log log;
  log.add("");
  FollowerEvents listening(log.file);
  listening.act = [&] {
    std::string garbage(300'000, '\0');
    for (std::size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * 7919 >> 3U);
    log.add(garbage + "\n" + std::string(200'000, 'x') + "\n" + failed_session(1));
  };
  CHECK(listening.read(1) == Numbers{"1"});
}

TEST_CASE("an invalid position is like none") {
  const Log log;
  log.add(failed_session(1));
  FollowerEvents listening(log.file);
  listening.position = session::LogPosition{.number = 5, .text = "somewhere"};
  listening.act = [&] { log.add(failed_session(2)); };
  CHECK(listening.read(1) == Numbers{"2"});
  CHECK(listening.position->number > 5);
}

TEST_CASE("the hour that occurs twice is read correctly late, and over a restart within it") {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  const auto failed_at = [](const char* stamp, int client) {
    std::string text = failed_session(client);
    const std::string_view head = "2026-11-22T12:00:00.000000+00:00";
    for (auto place = text.find(head); place != std::string::npos; place = text.find(head))
      text.replace(place, head.size(), stamp);
    return text;
  };
  const Log log;
  log.add(failed_at("Oct 25 01:40:00", 1));
  FollowerEvents listening(log.file);
  listening.clock = [] { return at("2026-10-25T12:00:00Z"); };
  CHECK(listening.hear_all().empty());
  log.add(failed_at("Oct 25 01:50:00", 2) + failed_at("Oct 25 02:10:00", 3));
  CHECK(listening.hear_all() == Numbers{"2", "3"});
  CHECK(listening.times == std::vector{at("2026-10-24T23:50:00Z"), at("2026-10-25T00:10:00Z")});
  log.add(failed_at("Oct 25 02:40:00", 4) + failed_at("Oct 25 02:20:00", 5));
  CHECK(listening.hear_all() == Numbers{"4", "5"});
  CHECK(listening.times == std::vector{at("2026-10-25T00:40:00Z"), at("2026-10-25T01:20:00Z")});
  log.add(failed_at("Oct 25 02:50:00", 6) + failed_at("Oct 25 03:10:00", 7));
  CHECK(listening.hear_all() == Numbers{"6", "7"});
  CHECK(listening.times == std::vector{at("2026-10-25T01:50:00Z"), at("2026-10-25T02:10:00Z")});
  ::unsetenv("TZ");
  ::tzset();
}
