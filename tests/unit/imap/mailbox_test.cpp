#include "imap/mailbox.h"

#include <unistd.h>

#include <deque>

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using imap::Mailbox;

namespace {

// A server that answers one command after another, in pieces of `piece` bytes; "@" stands for the tag.
struct Script {
  std::deque<std::string> answers;
  std::size_t piece = 5;
  std::vector<std::string> commands{};  // without tag and CRLF
  std::string pending{};

  imap::Stream stream() {
    return {.send = [this](std::string_view bytes) -> Result<void> {
              REQUIRE(bytes.ends_with("\r\n"));
              const auto blank = bytes.find(' ');
              commands.emplace_back(bytes.substr(blank + 1, bytes.size() - blank - 3));
              if (answers.empty()) return {};
              std::string answer = answers.front();
              answers.pop_front();
              for (auto at = answer.find('@'); at != std::string::npos; at = answer.find('@'))
                answer.replace(at, 1, bytes.substr(0, blank));
              pending += answer;
              return {};
            },
            .receive = [this](std::span<char> into) -> Result<std::size_t> {
              if (pending.empty()) return fail(Fault::temporary, "closed");
              const std::size_t size = pending.copy(into.data(), std::min(into.size(), piece));
              pending.erase(0, size);
              return size;
            }};
  }
};

Mailbox selected(Script& script) {
  script.answers.push_front("* 3 EXISTS\r\n@ OK [READ-WRITE] done\r\n");
  return good(Mailbox::select(script.stream(), "INBOX", true));
}

std::string content(UniqueFd fd) {
  std::string all(1000, '\0');
  all.resize(static_cast<std::size_t>(::pread(fd.get(), all.data(), all.size(), 0)));
  return all;
}

}  // namespace

TEST_CASE("a folder is selected, to be changed or not") {
  Script script{.answers = {"@ OK done\r\n", "@ OK done\r\n"}};
  CHECK(Mailbox::select(script.stream(), "a\"b", true));
  CHECK(Mailbox::select(script.stream(), "INBOX", false));
  CHECK(script.commands == std::vector<std::string>{"SELECT \"a\\\"b\"", "EXAMINE \"INBOX\""});
}

TEST_CASE("a folder that cannot be selected") {
  struct Case {
    const char* answer;
    Fault fault;
    const char* words;
  };
  for (const auto& [answer, fault, words] :
       {Case{"@ NO [NONEXISTENT] no such thing\r\n", Fault::unavailable,
             "the folder 'X': [NONEXISTENT] no such thing"},
        Case{"@ OK [READ-ONLY] done\r\n", Fault::permission, "may not be changed"},
        Case{"* OK [READ-ONLY] now\r\n@ OK done\r\n", Fault::permission, "may not be changed"},
        Case{"* BYE over\x1b\r\n", Fault::temporary, "the server ends the connection: over\\x1b"},
        Case{"", Fault::temporary, "closed"},
        Case{"* 1 FETCH {99999999999}\r\n", Fault::unavailable, "does not speak IMAP"}}) {
    CAPTURE(answer);
    Script script{.answers = {answer}};
    const Error error = bad(Mailbox::select(script.stream(), "X", true));
    CHECK(error.fault == fault);
    CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring(words));
  }
}

TEST_CASE("messages are found in ascending order, each once") {
  Script script{.answers = {"* SEARCH 5 3\r\n* 4 EXISTS\r\n* SEARCH 3 9\r\n@ OK done\r\n",
                            "* SEARCH\r\n@ OK done\r\n", "* SEARCH 0\r\n@ OK done\r\n", "@ BAD what\r\n"}};
  Mailbox mailbox = selected(script);
  CHECK(good(mailbox.find(imap::Find::unseen)) == std::vector<std::uint32_t>{3, 5, 9});
  CHECK(good(mailbox.find(imap::Find::all)).empty());
  CHECK(bad(mailbox.find(imap::Find::all)).fault == Fault::unavailable);
  CHECK(bad(mailbox.find(imap::Find::all)).fault == Fault::unavailable);
  CHECK(script.commands[1] == "UID SEARCH UNSEEN");
  CHECK(script.commands[2] == "UID SEARCH ALL");
}

TEST_CASE("sizes are of the messages that were asked for and are there") {
  Script script{.answers = {"* 1 FETCH (UID 5 RFC822.SIZE 10)\r\n* 2 FETCH (UID 4 RFC822.SIZE 11)\r\n"
                            "* 3 FETCH (UID 3 FLAGS ())\r\n* 1 FETCH (RFC822.SIZE 12 UID 2)\r\n"
                            "* 1 FETCH (RFC822.SIZE 13 UID 2)\r\n@ OK done\r\n"}};
  Mailbox mailbox = selected(script);
  const auto sizes = good(mailbox.sizes({2, 3, 5}));
  REQUIRE(sizes.size() == 2);
  CHECK((sizes[0].uid == 2 && sizes[0].size == 12));
  CHECK((sizes[1].uid == 5 && sizes[1].size == 10));
  CHECK(script.commands.back() == "UID FETCH 2:3,5 (RFC822.SIZE)");
}

TEST_CASE("a message is fetched, whatever the server tells of others") {
  const std::string other = "* 9 FETCH (UID 8 BODY[] {5}\r\nother)\r\n";
  const std::string wanted = "* 1 FETCH (UID 5 BODY[] {6}\r\na\r\nb\r\n)\r\n";
  Script script{.answers = {other + wanted + other + "@ OK done\r\n",
                            "* 1 FETCH (UID 5 BODY[] \"\")\r\n@ OK x\r\n",
                            "* 1 FETCH (BODY[] {0}\r\n UID 5)\r\n@ OK x\r\n", other + "@ OK x\r\n",
                            "* 1 FETCH (UID 5 BODY[] NIL)\r\n@ OK x\r\n"}};
  Mailbox mailbox = selected(script);
  CHECK(content(good(mailbox.fetch(5, 6)).value()) == "a\r\nb\r\n");
  CHECK(script.commands.back() == "UID FETCH 5 (BODY.PEEK[])");
  CHECK(content(good(mailbox.fetch(5, 6)).value()).empty());
  CHECK(content(good(mailbox.fetch(5, 6)).value()).empty());
  CHECK(!good(mailbox.fetch(5, 6)));
  CHECK(!good(mailbox.fetch(5, 6)));
}

TEST_CASE("a message that is larger than said, or not alone, is an error") {
  for (const char* answer :
       {"* 1 FETCH (UID 5 BODY[] {7}\r\n", "* 1 FETCH (X {1}\r\nx BODY[] {1}\r\nx UID 5)\r\n@ OK x\r\n",
        "* 1 FETCH (UID 5 BODY[] {2}\r\nxx\r\n", "@ NO away\r\n"}) {
    CAPTURE(answer);
    Script script{.answers = {answer}};
    Mailbox mailbox = selected(script);
    CHECK(bad(mailbox.fetch(5, 6)).fault == Fault::unavailable);
  }
}

TEST_CASE("messages are marked, or moved by a server that can") {
  Script script{.answers = {"@ OK x\r\n", "* CAPABILITY IMAP4rev1 MOVE\r\n@ OK x\r\n",
                            "* STATUS a (UIDNEXT 1)\r\n@ OK x\r\n", "* 1 EXPUNGE\r\n@ OK x\r\n",
                            "@ NO [TRYCREATE] no\r\n"}};
  Mailbox mailbox = selected(script);
  CHECK(mailbox.mark_seen({1, 2}));
  CHECK(mailbox.check_move("a b"));
  CHECK(mailbox.move({1}, "a b"));
  CHECK(bad(mailbox.move({1}, "a b")).message ==
        "the server refuses MOVE to the folder 'a b': [TRYCREATE] no");
  mailbox.log_out();
  CHECK(std::vector(script.commands.begin() + 1, script.commands.end()) ==
        std::vector<std::string>{"UID STORE 1:2 +FLAGS.SILENT (\\Seen)", "CAPABILITY",
                                 "STATUS \"a b\" (UIDNEXT)", "UID MOVE 1 \"a b\"", "UID MOVE 1 \"a b\"",
                                 "LOGOUT"});
  Script old{.answers = {"* CAPABILITY IMAP4rev1 REMOVE\r\n@ OK x\r\n"}};
  Mailbox without = selected(old);
  CHECK_THAT(bad(without.check_move("a")).message, Catch::Matchers::ContainsSubstring("RFC 6851"));
}

TEST_CASE("a server that talks without end is stopped") {
  Script script{.answers = {}, .piece = 60'000};
  Mailbox mailbox = selected(script);
  script.answers.push_back("");
  for (int count = 0; count < 100'001; ++count) script.answers.back() += "* 1 EXISTS\r\n";
  CHECK(bad(mailbox.find(imap::Find::all)).message ==
        "the server does not speak IMAP as it should: too many responses");
}
