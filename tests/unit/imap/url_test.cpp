#include "imap/url.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using imap::parse_mailbox_url;

TEST_CASE("URLs of mailboxes") {
  struct Case {
    const char* text;
    const char* user;
    const char* host;
    std::uint16_t port;
    const char* folder;
    const char* shown;
  };
  for (const auto& [text, user, host, port, folder, shown] :
       {Case{"imaps://u@h", "u", "h", 993, "INBOX", "imaps://u@h/INBOX"},
        Case{"IMAPS://u@h.test:143/", "u", "h.test", 143, "INBOX", "imaps://u@h.test:143/INBOX"},
        Case{"imaps://u@x.test@h.test/A/B", "u@x.test", "h.test", 993, "A/B",
             "imaps://u%40x.test@h.test/A/B"},
        Case{"imaps://u%40x.test@h.test/a%20b%3b", "u@x.test", "h.test", 993, "a b;",
             "imaps://u%40x.test@h.test/a%20b%3B"},
        Case{"imaps://u@[2001:db8::1]/x", "u", "[2001:db8::1]", 993, "x", "imaps://u@[2001:db8::1]/x"},
        Case{"imaps://u@[::1]:9/x", "u", "[::1]", 9, "x", "imaps://u@[::1]:9/x"},
        Case{"imaps://u+tls@192.0.2.1/\u00fc", "u+tls", "192.0.2.1", 993, "\u00fc",
             "imaps://u+tls@192.0.2.1/%C3%BC"}}) {
    CAPTURE(text);
    const imap::MailboxUrl url = good(parse_mailbox_url(text));
    CHECK(url.user == user);
    CHECK(url.host == host);
    CHECK(url.port == port);
    CHECK(url.folder == folder);
    CHECK(url.text() == shown);
    CHECK(good(parse_mailbox_url(url.text())).folder == folder);
  }
}

TEST_CASE("what is no URL of a mailbox is refused, and not shown") {
  for (const char* text : {"imap://secret@h/",         "secret",
                           "imaps://h/secret",         "imaps://@h/secret",
                           "imaps://u:secret@h/",      "imaps://u@/secret",
                           "imaps://u@h:/secret",      "imaps://u@h:0/secret",
                           "imaps://u@h:65536/secret", "imaps://u@h:9x/secret",
                           "imaps://u@h/secret;UID=1", "imaps://u@h/secret?ALL",
                           "imaps://u@h/secret#x",     "imaps://u@h/secret%0D",
                           "imaps://u@h/secret%",      "imaps://u@h/secret%4",
                           "imaps://u@h/secret%4g",    "imaps://u@h/secret%ff",
                           "imaps://se%0acret@h/",     "imaps://u@h h/secret",
                           "imaps://u@h%41/secret",    "imaps://u@[h/secret",
                           "imaps://u@-[::1]/secret",  "imaps://u@::1/secret",
                           "imaps://u@[]/secret"}) {
    CAPTURE(text);
    const Error error = bad(parse_mailbox_url(text));
    CHECK(error.fault == Fault::usage);
    CHECK(error.message.find("secret") == std::string::npos);
  }
  CHECK(bad(parse_mailbox_url("imaps://u@h/" + std::string(256, 'x'))).fault == Fault::usage);
  CHECK(!imap::is_mailbox_url("imap://u@h"));
  CHECK(!imap::is_mailbox_url("imaps:"));
}
