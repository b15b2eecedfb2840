#include "imap/response.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using imap::Response;
using imap::ResponseReader;

namespace {

struct Read {
  ResponseReader::State state = ResponseReader::State::incomplete;
  Response response;
  std::vector<std::string> literals;
  std::string error;
  std::size_t taken = 0;
};

// In pieces of so many bytes.
Read read_bytes(std::string_view bytes, std::size_t size = 1'000'000, imap::ResponseLimits limits = {}) {
  Read result;
  ResponseReader reader(
      [&](std::size_t index, std::string_view piece) -> Result<void> {
        result.literals.resize(index + 1);
        result.literals[index] += piece;
        return {};
      },
      limits);
  while (result.taken < bytes.size() && reader.state() == ResponseReader::State::incomplete)
    result.taken += good(reader.add(bytes.substr(result.taken, size)));
  result.state = reader.state();
  result.response = reader.response();
  result.error = reader.error();
  return result;
}

Response response(std::string_view bytes) {
  const Read done = read_bytes(bytes);
  REQUIRE(done.state == ResponseReader::State::complete);
  return done.response;
}

}  // namespace

TEST_CASE("a response is read in pieces of any size") {
  const std::string_view bytes = "* 1 FETCH (BODY[] {12}\r\nSubject: x}\n UID 7 X {0}\r\n Y 1)\r\n";
  for (const std::size_t size : {1U, 2U, 3U, 7U, 1000U}) {
    CAPTURE(size);
    const Read done = read_bytes(std::string(bytes) + "T1 OK", size);
    CHECK(done.state == ResponseReader::State::complete);
    CHECK(done.response.text == "* 1 FETCH (BODY[] {12} UID 7 X {0} Y 1)");
    CHECK(done.response.literals == std::vector<std::uint64_t>{12, 0});
    CHECK(done.literals == std::vector<std::string>{"Subject: x}\n"});
    CHECK(done.taken == bytes.size());
  }
  CHECK(read_bytes("* OK done\nrest").taken == 10);
  CHECK(read_bytes("* OK {x}\r\n").response.text == "* OK {x}");
  CHECK(read_bytes("* OK").state == ResponseReader::State::incomplete);
  CHECK(read_bytes("* 1 FETCH (X {5}\r\nabc").state == ResponseReader::State::incomplete);
}

TEST_CASE("a response has limits") {
  const imap::ResponseLimits limits{.max_text = 100, .max_literals = 2, .max_literal = 5};
  for (const std::size_t size : {1U, 1000U}) {
    for (const auto& [bytes, words] :
         {std::pair{std::string(101, 'x'), "a line of more than 100 bytes"},
          std::pair{std::string(50, 'x') + "{1}\r\ny" + std::string(60, 'x'),
                    "a line of more than 100 bytes"},
          std::pair{std::string("* {6}\r\n"), "a literal of 6 bytes, more than 5"},
          std::pair{std::string("* {18446744073709551615}\r\n"), "a literal of 18446744073709551615 bytes"},
          std::pair{std::string("* {0}\r\n{0}\r\n{0}\r\n"), "more than 2 literals"}}) {
      CAPTURE(bytes, size);
      const Read done = read_bytes(bytes, size, limits);
      CHECK(done.state == ResponseReader::State::malformed);
      CHECK(done.error.starts_with(words));
    }
    CHECK(read_bytes(std::string(99, 'x') + "\r\n", size, limits).state == ResponseReader::State::complete);
    CHECK(read_bytes("* {5}\r\nabcde{5}\r\nabcde\r\n", size, limits).state ==
          ResponseReader::State::complete);
  }
}

TEST_CASE("the error of the one who takes a literal ends the reading") {
  ResponseReader reader(
      [](std::size_t, std::string_view) -> Result<void> { return fail(Fault::io, "full"); });
  CHECK(bad(reader.add("* {3}\r\nabc")).message == "full");
}

TEST_CASE("statuses") {
  struct Case {
    const char* text;
    const char* tag;
    imap::Status::Kind kind;
    const char* code;
    const char* words;
  };
  using Kind = imap::Status::Kind;
  for (const auto& [text, tag, kind, code, words] :
       {Case{"T1 OK done", "T1", Kind::ok, "", "done"}, Case{"* BYE", "*", Kind::bye, "", ""},
        Case{"T12 no [trycreate] No such\tbox", "T12", Kind::no, "TRYCREATE", "No such\\x09box"},
        Case{"T1 BAD [X y z] a [b]", "T1", Kind::bad, "X y z", "a [b]"},
        Case{"T1 NO [\xff\x1b[m] a", "T1", Kind::no, "\\xff\\x1b[M", "a"},
        Case{"* PREAUTH [x", "*", Kind::ok, "", "[x"}}) {
    CAPTURE(text);
    const auto status = imap::parse_status({.text = text, .literals = {}});
    REQUIRE(status);
    CHECK(status->tag == tag);
    CHECK(status->kind == kind);
    CHECK(status->code == code);
    CHECK(status->text == words);
  }
  for (const char* text : {"", "*", "T1", "* 5 EXISTS", "* SEARCH 1", "+ go on", "T1 OKAY"}) {
    CAPTURE(text);
    CHECK(!imap::parse_status({.text = text, .literals = {}}));
  }
}

TEST_CASE("capabilities") {
  CHECK(imap::parse_capabilities(response("* capability IMAP4rev1  move\r\n")) ==
        std::vector<std::string>{"IMAP4REV1", "MOVE"});
  CHECK(!imap::parse_capabilities(response("T1 OK [CAPABILITY MOVE] x\r\n")));
}

TEST_CASE("what SEARCH finds") {
  using Uids = std::vector<std::uint32_t>;
  CHECK(good(imap::parse_search(response("* SEARCH\r\n"))) == Uids{});
  CHECK(good(imap::parse_search(response("* search 3 1  4294967295 \r\n"))) == Uids{3, 1, 4294967295});
  CHECK(!good(imap::parse_search(response("* 5 EXISTS\r\n"))));
  for (const char* text :
       {"* SEARCH 0", "* SEARCH x", "* SEARCH 4294967296", "* SEARCH 1,2", "* SEARCH -1"}) {
    CAPTURE(text);
    CHECK(bad(imap::parse_search({.text = text, .literals = {}})).fault == Fault::data);
  }
}

TEST_CASE("what FETCH brings") {
  const auto fetched = good(imap::parse_fetch(
      response("* 12 FETCH (FLAGS (\\Seen (a \"b)\")) UID 5 RFC822.SIZE 37 ENVELOPE (NIL {2}\r\n)( \"x\") "
               "BODY[HEADER.FIELDS (\"DATE\")]<0> NIL BODY[] {3}\r\nabc MODSEQ (9))\r\n")));
  REQUIRE(fetched);
  CHECK(fetched->uid == 5);
  CHECK(fetched->size == 37);
  CHECK(fetched->body_literal == 1);
  CHECK(!fetched->body);
  const auto quoted = good(imap::parse_fetch(response("* 1 fetch (body[] \"a\\\"b\" uid 9)\r\n")));
  CHECK(quoted->body == "a\"b");
  CHECK(quoted->uid == 9);
  CHECK(!good(imap::parse_fetch(response("* 1 FETCH (UID 1 BODY[] NIL)\r\n")))->body);
  CHECK(good(imap::parse_fetch(response("* 1 FETCH ()\r\n"))));
  for (const char* text : {"* 1 EXPUNGE", "* FETCH (UID 1)", "T1 OK", "* x FETCH (UID 1)"}) {
    CAPTURE(text);
    CHECK(!good(imap::parse_fetch({.text = text, .literals = {}})));
  }
  for (const std::string& text :
       {std::string("* 1 FETCH"), std::string("* 1 FETCH UID 1"), std::string("* 1 FETCH (UID"),
        std::string("* 1 FETCH (UID 1"), std::string("* 1 FETCH (UID x)"), std::string("* 1 FETCH (UID 0)"),
        std::string("* 1 FETCH (UID 4294967296)"), std::string("* 1 FETCH (RFC822.SIZE -1)"),
        std::string("* 1 FETCH (UID (1)"), std::string("* 1 FETCH (X \"a)"),
        std::string("* 1 FETCH (X \"a\\"), std::string("* 1 FETCH (UID )"),
        std::string("* 1 FETCH (( ) UID 1)"), std::string("* 1 FETCH (BODY[] {3})"),
        std::string("* 1 FETCH (X {3)"),
        "* 1 FETCH (X " + std::string(30, '(') + std::string(30, ')') + ")"}) {
    CAPTURE(text);
    CHECK(bad(imap::parse_fetch({.text = text, .literals = {}})).fault == Fault::data);
  }
}

TEST_CASE("sets of UIDs are short") {
  CHECK(imap::sequence_set({}).empty());
  CHECK(imap::sequence_set({7}) == "7");
  CHECK(imap::sequence_set({1, 2, 3, 5, 7, 8}) == "1:3,5,7:8");
}
