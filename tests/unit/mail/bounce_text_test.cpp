#include "mail/bounce_text.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using mail::Bounce;
using mail::RecipientStatus;

namespace {

// "ID: address|action|status|diagnostic, ..."
std::string shown(const Bounce& bounce) {
  std::string text = bounce.message_id + ":";
  for (const RecipientStatus& one : bounce.recipients)
    text += fmt::format(" {}|{}|{}|{}", one.final_address, one.action, one.status, one.diagnostic);
  return text;
}

std::string of_qmail(std::string_view text) {
  return shown(mail::parse_qmail_bounce(text));
}

std::string of_header(std::string_view header, std::string_view text = "") {
  return shown(mail::parse_failed_recipients(header, text));
}

std::string of_mail(const std::string& message) {
  const TemporaryFolder folder;
  write(folder / "mail", message);
  const auto source = good(mail::RandomAccessFile::open(folder / "mail", 1'000'000'000));
  return shown(good(mail::read_bounce(source, 0, source.size())));
}

const std::string introduction = "Hi. This is the mail program at out.sender.test.\nIt did not work.\n\n";
const std::string copy =
    "--- A copy follows.\n\nReturn-Path: <tls@sender.test>\nMessage-ID: <r1@sender.test>\n\nbody\n";

}  // namespace

TEST_CASE("the recipients in a text of qmail") {
  struct Row {
    const char* paragraphs;
    const char* found;
  };
  for (const auto& [paragraphs, found] : std::initializer_list<Row>{
           {"<a@b.test>:\nno such user\n\n", " a@b.test|failed|5.0.0|no such user"},
           {"<a@b.test>:\r\n192.0.2.1 does not like it.\r\nIt said: 550 5.1.1 no\r\n\r\n",
            " a@b.test|failed|5.0.0|192.0.2.1 does not like it. It said: 550 5.1.1 no"},
           {"<a@b.test>:\nNo host by that name. (#5.1.2)\n\n<C@d.test>:\n\n",
            " a@b.test|failed|5.1.2|No host by that name. (#5.1.2) C@d.test|failed|5.0.0|"},
           // Given up after days.
           {"<a@b.test>:\nno connection. (#4.4.1)\ntoo long in the queue.\n\n",
            " a@b.test|failed|4.4.1|no connection. (#4.4.1) too long in the queue."},
           {"<a@b.test>:\n(#5.1)\n\n", " a@b.test|failed|5.0.0|(#5.1)"},
           {"<a@b.test>:\n(#", " a@b.test|failed|5.0.0|(#"},
           {"a remark\n\n\n\n<a@b.test>:\n\n", " a@b.test|failed|5.0.0|"},
           // No recipients.
           {"<a@b.test>\nno colon\n\n", ""},
           {"<nobody>:\nno\n\n", ""},
           {"<a b@c.test>:\nno\n\n", ""},
           {"a@b.test:\nno\n\n", ""},
           {"", ""}}) {
    INFO(paragraphs);
    CHECK(of_qmail(introduction + paragraphs) == std::string(":") + found);
  }
}

TEST_CASE("a text of qmail ends with a copy of the mail that came back") {
  CHECK(of_qmail(introduction + "<a@b.test>:\nno\n\n" + copy) == "r1@sender.test: a@b.test|failed|5.0.0|no");
  // What is in the copy are no recipients.
  CHECK(of_qmail(introduction + copy + "\n<a@b.test>:\nno\n\n") == "r1@sender.test:");
  CHECK(of_qmail(introduction + "Message-ID: <before@sender.test>\n\n") == ":");
  CHECK(of_mail("Message-ID: <bounce@x.test>\nSubject: failure notice\n\n" + introduction +
                "<a@b.test>:\nno\n\n" + copy) == "r1@sender.test: a@b.test|failed|5.0.0|no");
  CHECK(of_mail("Content-Type: multipart/mixed; boundary=B\n\n--B\n\n" + introduction +
                "<a@b.test>:\nno\n\n--B\nContent-Type: message/rfc822\n\nMessage-ID: "
                "<r2@sender.test>\n\n--B--\n") == "r2@sender.test: a@b.test|failed|5.0.0|no");
}

TEST_CASE("only a text that begins with the words of the format is qmail's") {
  CHECK(mail::is_qmail_bounce(introduction));
  CHECK_FALSE(mail::is_qmail_bounce("\n" + introduction));
  CHECK_FALSE(mail::is_qmail_bounce("hi. this is the mail program"));
  CHECK_FALSE(mail::is_qmail_bounce("Hi. This is"));
}

TEST_CASE("the recipients in X-Failed-Recipients") {
  struct Row {
    const char* header;
    const char* found;
  };
  for (const auto& [header, found] : std::initializer_list<Row>{
           {"X-Failed-Recipients: a@b.test\n", ": a@b.test|failed|5.0.0|"},
           {"x-failed-recipients:a@b.test, <c@d.test>,\n\te@f.test\n",
            ": a@b.test|failed|5.0.0| c@d.test|failed|5.0.0| e@f.test|failed|5.0.0|"},
           {"X-Failed-Recipients: a@b.test, a@b.test\nX-Failed-Recipients: c@d.test\n",
            ": a@b.test|failed|5.0.0| c@d.test|failed|5.0.0|"},
           {"Subject: Delivery Status Notification (Delay)\nX-Failed-Recipients: a@b.test\n",
            ": a@b.test|delayed|5.0.0|"},
           {"X-Failed-Recipients: a@b.test\nIn-Reply-To: <r1@sender.test>\nReferences: <r2@sender.test>\n",
            "r1@sender.test: a@b.test|failed|5.0.0|"},
           {"X-Failed-Recipients: nobody, a b@c.test,,\n", ":"},
           {"Subject: x\n\nX-Failed-Recipients: a@b.test\n", ":"},
           {"", ":"}}) {
    INFO(header);
    CHECK(of_header(header) == found);
  }
  CHECK(mail::names_failed_recipients("X-FAILED-RECIPIENTS: a@b.test\n"));
  CHECK_FALSE(mail::names_failed_recipients("Subject: x\n\nX-Failed-Recipients: a@b.test\n"));
}

TEST_CASE("the text beside X-Failed-Recipients has the reason and the mail that came back") {
  const std::string header = "X-Failed-Recipients: a@b.test\nReferences: <r2@sender.test>\n";
  const std::string text =
      "It did not work:\n\n  A@b.test\n    host mx.b.test [192.0.2.1]\n    550 5.1.1 no such user\n\n"
      "------ A copy follows ------\n\nReturn-path: <tls@sender.test>\nMessage-Id: "
      "<r1@sender.test>\n\nbody\n";
  const char* const expected =
      "r1@sender.test: a@b.test|failed|5.0.0|host mx.b.test [192.0.2.1] 550 5.1.1 no such user";
  CHECK(of_header(header, text) == expected);
  CHECK(of_mail("Message-ID: <bounce@x.test>\n" + header + "\n" + text) == expected);
}

TEST_CASE("a delivery status counts before the header and the text") {
  CHECK(of_mail("X-Failed-Recipients: other@b.test\nReferences: <r2@sender.test>\n"
                "Content-Type: multipart/report; boundary=B\n\n--B\n\n" +
                introduction +
                "<other@b.test>:\nno\n\n--B\nContent-Type: message/delivery-status\n\n"
                "Final-Recipient: rfc822; a@b.test\nAction: delayed\nStatus: 4.4.1\n\n--B--\n") ==
        ": a@b.test|delayed|4.4.1|");
}

TEST_CASE("texts with many recipients, or long reasons, are read within limits") {
  std::string many = introduction;
  std::string field = "X-Failed-Recipients: ";
  for (std::size_t i = 0; i < mail::max_bounced_recipients + 50; ++i) {
    many += fmt::format("<a{}@b.test>:\n{}\n\n", i, std::string(2 * mail::max_diagnostic, 'x'));
    field += fmt::format("a{}@b.test,\n ", i);
  }
  const Bounce bounce = mail::parse_qmail_bounce(many + copy);
  CHECK(bounce.recipients.size() == mail::max_bounced_recipients);
  CHECK(bounce.recipients.front().diagnostic.size() == mail::max_diagnostic);
  CHECK(bounce.message_id == "r1@sender.test");
  CHECK(mail::parse_failed_recipients(field, "").recipients.size() == mail::max_bounced_recipients);
}
