#include "base/text.h"

#include <vector>

#include "base/counted.h"
#include "support.h"

using namespace starttls;

TEST_CASE("printable text disturbs no terminal and no log") {
  CHECK(printable("plain text") == "plain text");
  CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable("a\nb\tc\x1b[31m") == "a\\x0ab\\x09c\\x1b[31m");
  CHECK(printable("\x7f\xc2\x9b") == "\\x7f\\u{009b}");
  CHECK(printable("\xe2\x80\xae") == "\\u{202e}");
  CHECK(printable("\xd8\x9c") == "\\u{061c}");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("back\\slash") == "back\\\\slash");
  CHECK(printable("abcdef", 3) == "abc...");
}

TEST_CASE("UTF-8 is distinguished from what only looks like it") {
  CHECK(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7"));
  for (const char* text :
       {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xf8\x88"}) {
    CHECK_FALSE(is_utf8(text));
  }
}

TEST_CASE("blanks are removed at both ends only") {
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" ").empty());
}

TEST_CASE("the most similar known word is named, unless none is similar") {
  const std::vector<std::string> words{"state_dir", "socket", "fold_interval"};
  CHECK(nearest("stat_dir", words) == "state_dir");
  CHECK(nearest("sokcet", words) == "socket");
  CHECK(nearest("frobnicate", words).empty());
}

TEST_CASE("a counted noun is in the plural, unless there is one of it") {
  CHECK(counted(1, "session") == "1 session");
  CHECK(counted(0, "session") == "0 sessions");
  CHECK(counted(2, "TLS handshake") == "2 TLS handshakes");
  CHECK(counted(1, "policy") == "1 policy");
  CHECK(counted(3, "policy") == "3 policies");
  CHECK(counted(3, "day") == "3 days");
  CHECK(counted(3, "alias") == "3 aliases");
  CHECK(counted(3, "address") == "3 addresses");
  CHECK(counted(3, "mailbox") == "3 mailboxes");
  CHECK(counted(3, "match") == "3 matches");
}
