#include "mail/notice_mail.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mail;
using namespace starttls::test;

namespace {

NoticeMail notice() {
  return {.from = "list@publisher.test",
          .to = "tls@owner.test",
          .subject = "owner.test fails",
          .text = "One line.\n\n    another\n",
          .id = "sector.1.owner.test@publisher.test",
          .date = at("2026-11-29T12:00:00Z")};
}

}  // namespace

TEST_CASE("a notice is a mail of plain text that no program answers, and that TLS does not stop") {
  const std::string mail = good(compose(notice()));
  for (const std::string_view line :
       {"From: list@publisher.test\r\n", "To: tls@owner.test\r\n", "Subject: owner.test fails\r\n",
        "Date: Sun, 29 Nov 2026 12:00:00 +0000\r\n", "Message-Id: <sector.1.owner.test@publisher.test>\r\n",
        "TLS-Required: No\r\n", "Auto-Submitted: auto-generated\r\n", "Content-Type: text/plain",
        "\r\n\r\nOne line.\r\n\r\n    another\r\n"}) {
    INFO(line << " in\n" << mail);
    CHECK(mail.contains(line));
  }
  CHECK(good(compose(notice())) == mail);
}

TEST_CASE("neither an address nor a subject adds a header") {
  NoticeMail hostile = notice();
  hostile.to = "a@b.test>\r\nBcc: c@d.test";
  CHECK(bad(compose(hostile)).fault == Fault::data);
  hostile = notice();
  hostile.subject = "fails\r\nBcc: c@d.test";
  CHECK_FALSE(good(compose(hostile)).contains("\nBcc:"));
}
