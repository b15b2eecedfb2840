#include "imap/mailbox_name.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using imap::quoted_mailbox_name;

TEST_CASE("names of mailboxes are quoted, in modified UTF-7") {
  struct Case {
    const char* name;
    const char* quoted;
  };
  // The one with three scripts is that of RFC 3501 section 5.1.3.
  for (const auto& [name, quoted] :
       {Case{"INBOX", "\"INBOX\""}, Case{"a b", "\"a b\""}, Case{"a\"b\\c", "\"a\\\"b\\\\c\""},
        Case{"a & b", "\"a &- b\""},
        Case{"~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""},
        Case{"Entw\u00fcrfe", "\"Entw&APw-rfe\""}, Case{"\u00fc&", "\"&APw-&-\""},
        Case{"\U0001F600", "\"&2D3eAA-\""}}) {
    CAPTURE(name);
    CHECK(good(quoted_mailbox_name(name)) == quoted);
  }
}

TEST_CASE("what cannot be the name of a mailbox is refused") {
  for (const std::string& name :
       {std::string(), std::string("a\r\nT2 DELETE x"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\xff"), std::string("\x7f"), std::string(256, 'x')}) {
    CAPTURE(name);
    CHECK(bad(quoted_mailbox_name(name)).fault == Fault::usage);
  }
}
