#include "smtp/reply.h"

#include "support.h"

using namespace starttls;
using namespace starttls::smtp;
using namespace std::string_literals;
using State = ReplyReader::State;

namespace {

Reply good(const std::string& bytes) {
  CAPTURE(bytes);
  ReplyReader reader;
  CHECK(reader.add(bytes) == bytes.size());
  CHECK(reader.error().empty());
  REQUIRE(reader.state() == State::complete);
  return reader.reply();
}

std::string bad(const std::string& bytes, ReplyLimits limits = {}) {
  CAPTURE(bytes.substr(0, 100));
  ReplyReader reader(limits);
  reader.add(bytes);
  REQUIRE(reader.state() == State::malformed);
  CHECK(reader.add("220 more\r\n") == 0);
  return reader.error();
}

}  // namespace

TEST_CASE("replies of one line and of several are read") {
  struct Case {
    std::string bytes;
    int code;
    std::string enhanced;
    std::vector<std::string> lines;
    std::string first_line;
  };
  for (const Case& each : std::vector<Case>{
           {"220 mx.example.test ESMTP\r\n", 220, "", {"mx.example.test ESMTP"}, "220 mx.example.test ESMTP"},
           {"220\r\n", 220, "", {""}, "220"},
           {"220 \r\n", 220, "", {""}, "220"},
           {"220 bare line feed\n", 220, "", {"bare line feed"}, "220 bare line feed"},
           {"220-first\r\n220-\r\n220 last\r\n", 220, "", {"first", "", "last"}, "220 first"},
           {"220-codes\r\n250 differ\r\n", 250, "", {"codes", "differ"}, "250 codes"},
           {"421 4.7.0 Try later\r\n", 421, "4.7.0", {"4.7.0 Try later"}, "421 4.7.0 Try later"},
           {"550-5.7.1 No\r\n550 5.7.1 Go away\r\n",
            550,
            "5.7.1",
            {"5.7.1 No", "5.7.1 Go away"},
            "550 5.7.1 No"},
           {"450 4.123.456\r\n", 450, "4.123.456", {"4.123.456"}, "450 4.123.456"}}) {
    const Reply reply = good(each.bytes);
    CHECK(reply.code == each.code);
    CHECK(reply.enhanced == each.enhanced);
    CHECK(reply.lines == each.lines);
    CHECK(reply.first_line() == each.first_line);
    CHECK(reply.severity() == each.code / 100);
  }
}

TEST_CASE("what is no enhanced status code is text") {
  for (const char* text : {"5.7.1 of another class", "4.7 short", "4.7. x", "4..1 x", "4.1234.1 long",
                           "4.7.1234 long", "4.7.1x", "4x7.1", "4", ""}) {
    CAPTURE(text);
    CHECK(good("450 "s + text + "\r\n").enhanced.empty());
  }
}

TEST_CASE("a reply is read in any pieces") {
  const std::string bytes = "220-mx.example.test\r\n220-two\r\n220 ESMTP\r\n";
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    ReplyReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      CHECK(reader.state() == State::incomplete);
      const std::string piece = bytes.substr(at, size);
      CHECK(reader.add(piece) == piece.size());
    }
    CHECK(reader.state() == State::complete);
    CHECK(reader.reply().lines == std::vector<std::string>{"mx.example.test", "two", "ESMTP"});
  }
}

TEST_CASE("bytes behind a reply stay for the next") {
  ReplyReader reader;
  const std::string bytes = "250 first\r\n221 second\r\n";
  const std::size_t taken = reader.add(bytes);
  CHECK(taken == 11);
  CHECK(reader.reply().code == 250);
  CHECK(reader.add(bytes.substr(taken)) == 0);
  CHECK(good(bytes.substr(taken)).code == 221);
}

TEST_CASE("what is no reply of SMTP is an error that shows it") {
  for (const char* line : {"", "2", "22", "hello", "HTTP/1.1 400 Bad Request", "100 too low", "600 too high",
                           "2x0 text", "2200 text", "220_text", " 220 text", "+OK POP3", "* OK IMAP"}) {
    CAPTURE(line);
    CHECK(bad(line + "\r\n"s) == "not a reply of SMTP: "s + line);
    CHECK(bad("220-first\r\n"s + line + "\r\n") == "not a reply of SMTP: "s + line);
  }
  CHECK(bad("\x16\x03\x01\x02\x00\x01\n"s) == R"(not a reply of SMTP: \x16\x03\x01\x02\x00\x01)");
}

TEST_CASE("lines are fit for a terminal, and cut") {
  CHECK(good("220 a\x1b[31m\0b\r\n"s).lines.front() == R"(a\x1b[31m\x00b)");
  CHECK(good("220 " + std::string(1'500, 'x') + "\r\n").lines.front().size() <= 503);
}

TEST_CASE("a reply is bounded in the bytes of a line, in lines and in bytes") {
  CHECK(bad(std::string(1'000'000, 'x')) == "a line of more than 2048 bytes");
  CHECK(bad("220 " + std::string(2'043, 'x') + "\r\n") == "a line of more than 2048 bytes");
  CHECK(good("220 " + std::string(2'042, 'x') + "\r\n").code == 220);
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "220-x\r\n";
  CHECK(bad(lines + "220 x\r\n") == "a reply of more than 100 lines");
  CHECK(bad(lines, {.max_bytes = 300}) == "a reply of more than 300 bytes");
}

TEST_CASE("the keywords of extensions are upper case, without their parameters") {
  CHECK(extensions(good(
            "250-mx.example.test\r\n250-starttls\r\n250-SIZE 1000\r\n250-AUTH=LOGIN\r\n250-\r\n250-8BITMIME"
            "\r\n250 x\x1b\r\n")) == std::vector<std::string>{"STARTTLS", "SIZE", "8BITMIME"});
  CHECK(extensions(good("250 STARTTLS\r\n")).empty());
}
