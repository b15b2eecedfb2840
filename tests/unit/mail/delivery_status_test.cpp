#include "mail/delivery_status.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using mail::Bounce;
using mail::RecipientStatus;

namespace {

std::string shown(const std::vector<RecipientStatus>& recipients) {
  std::string text;
  for (const RecipientStatus& one : recipients) {
    text += fmt::format("{}|{}|{}|{}|{}\n", one.original_address, one.final_address, one.action, one.status,
                        one.diagnostic);
  }
  return text;
}

std::string status_of(std::string_view text) {
  return shown(mail::parse_delivery_status(text));
}

Bounce bounce_in(const std::string& message) {
  const TemporaryFolder folder;
  write(folder / "mail", message);
  const auto source = good(mail::RandomAccessFile::open(folder / "mail", 1'000'000'000));
  return good(mail::read_bounce(source, 0, source.size()));
}

const std::string of_the_mail = "Reporting-MTA: dns; out.sender.test\nX-Postfix-Queue-ID: 4dQ\n\n";
const std::string refused =
    "Final-Recipient: rfc822; tls@gone.test\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\n";

// A bounce with this part after the status, whose type it begins with.
std::string bounce_with(const std::string& returned, const std::string& status = of_the_mail + refused) {
  return "From: MAILER-DAEMON@out.sender.test\nMIME-Version: 1.0\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
         "--B\nContent-Type: text/plain\n\nSorry.\n--B\nContent-Type: message/delivery-status\n\n" +
         status + "\n--B\nContent-Type: " + returned + "\n--B--\n";
}

}  // namespace

TEST_CASE("each recipient of a bounce is read") {
  CHECK(status_of(of_the_mail + refused) == "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\n");
  CHECK(status_of(
            of_the_mail + refused +
            "\nOriginal-Recipient: rfc822;A@b.test\r\nFinal-Recipient: RFC822;a@c.test\r\nAction: delayed\r\n"
            "Status: 4.4.1 (connection timed out)\r\n") ==
        "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\nA@b.test|a@c.test|delayed|4.4.1|\n");
  // Blank lines, and an empty group.
  CHECK(status_of("\n\n \n" + refused + "\n\n\n" + refused) ==
        "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\n"
        "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\n");
}

TEST_CASE("fields of a bounce in every form") {
  struct Row {
    const char* fields;
    const char* recipient;
  };
  for (const auto& [fields, recipient] : std::initializer_list<Row>{
           {"final-recipient:rfc822;a@b.test\nACTION: FAILED\nstatus:5.0.0", "|a@b.test|failed|5.0.0|\n"},
           {"Final-Recipient: rfc822; <a@b.test>\nAction: failed (for good)", "|a@b.test|failed||\n"},
           {"Final-Recipient: rfc822; a@b.test (a comment)\nStatus: 5.1.10", "|a@b.test||5.1.10|\n"},
           {"Final-Recipient:\n rfc822;\n\ta@b.test\nDiagnostic-Code: smtp;\n 550-no\n 550 user",
            "|a@b.test|||550-no 550 user\n"},
           {"Final-Recipient: utf-8; tls@gr\xC3\xA4"
            "fe.test",
            "|tls@gr\xC3\xA4"
            "fe.test|||\n"},
           // The first of several counts.
           {"Final-Recipient: rfc822; a@b.test\nFinal-Recipient: rfc822; c@d.test\nStatus: 5.1.1\nStatus: "
            "2.0.0",
            "|a@b.test||5.1.1|\n"},
           {"Final-Recipient: rfc822; a@b.test\nStatus: 5.1\nAction:", "|a@b.test|||\n"},
           {"Final-Recipient: rfc822; a@b.test\nStatus: 55.1.1", "|a@b.test|||\n"},
           {"Final-Recipient: rfc822; a@b.test\nStatus: 5.x.1", "|a@b.test|||\n"},
           {"Final-Recipient: rfc822; a@b.test\nStatus: 5.1.1.1", "|a@b.test|||\n"},
           {"Final-Recipient: rfc822; a@b.test\nDiagnostic-Code: without type", "|a@b.test|||\n"},
           // No recipient.
           {"Final-Recipient: a@b.test\nAction: failed", ""},
           {"Final-Recipient: rfc822; nobody\nAction: failed", ""},
           {"Final-Recipient: rfc822; <a@b.test> <c@d.test>", "|a@b.test|||\n"},
           {"Final-Recipient: rfc822; a>@<b.test", ""},
           {"Final-Recipient: rfc822;", ""},
           {"Action: failed\nStatus: 5.1.1", ""},
           {"", ""}}) {
    INFO(fields);
    CHECK(status_of(fields) == recipient);
  }
}

TEST_CASE("a bounce of many recipients, or of a very long address, is read within limits") {
  std::string many = of_the_mail;
  for (std::size_t i = 0; i < mail::max_bounced_recipients + 50; ++i)
    many += fmt::format("Final-Recipient: rfc822; a{}@b.test\n\n", i);
  CHECK(mail::parse_delivery_status(many).size() == mail::max_bounced_recipients);
  const std::string local(mail::max_bounced_address, 'a');
  CHECK(status_of("Final-Recipient: rfc822; " + local + "@b.test\n") == "");
}

TEST_CASE("what has failed permanently") {
  const auto is_permanent = [](const char* action, const char* status) {
    return mail::is_permanent_failure({.original_address = {},
                                       .final_address = "a@b.test",
                                       .action = action,
                                       .status = status,
                                       .diagnostic = {}});
  };
  CHECK(is_permanent("failed", "5.1.1"));
  CHECK(is_permanent("failed", "5.0.0"));
  CHECK_FALSE(is_permanent("failed", "4.4.7"));  // given up after some days
  CHECK_FALSE(is_permanent("failed", ""));
  CHECK_FALSE(is_permanent("delayed", "5.1.1"));
  CHECK_FALSE(is_permanent("delivered", "2.0.0"));
  CHECK_FALSE(is_permanent("", "5.1.1"));
}

TEST_CASE("the Message-ID of the mail that came back") {
  CHECK(bounce_in(bounce_with("message/rfc822\n\nSubject: x\nMessage-ID: <r1@sender.test>\n\nbody\n"))
            .message_id == "r1@sender.test");
  CHECK(bounce_in(bounce_with("text/rfc822-headers\n\nSubject: x\nMESSAGE-ID:\n <r2@sender.test>\n"))
            .message_id == "r2@sender.test");
  CHECK(bounce_in(bounce_with("message/global-headers\n\nMessage-Id: <r3@sender.test>\n")).message_id ==
        "r3@sender.test");
  CHECK(bounce_in(bounce_with("text/rfc822-headers\nContent-Transfer-Encoding: base64\n\n"
                              "TWVzc2FnZS1JRDogPHI0QHNlbmRlci50ZXN0Pgo=\n"))
            .message_id == "r4@sender.test");
  // A multipart within, as reports are, and a mail within the mail that came back.
  CHECK(
      bounce_in(
          bounce_with(
              "message/rfc822\n\nMessage-ID: <r5@sender.test>\nContent-Type: multipart/mixed; boundary=C\n\n"
              "--C\nContent-Type: message/rfc822\n\nMessage-ID: <inner@x.test>\n\n--C--\n"))
          .message_id == "r5@sender.test");
}

TEST_CASE("without a Message-ID after the status there is none") {
  for (const char* returned :
       {"message/rfc822\n\nSubject: x\n\nMessage-ID: <body@sender.test>\n",
        "message/rfc822\n\nMessage-ID: none\n\n", "text/plain\n\nMessage-ID: <text@sender.test>\n",
        "text/rfc822-headers\n\nMessage-ID: >r@x.test<\n"})
    CHECK(bounce_in(bounce_with(returned)).message_id == "");
  // That of the bounce itself, and of one that is passed on as an attachment.
  CHECK(bounce_in("Message-ID: <bounce@x.test>\n" + bounce_with("text/plain\n\nx\n")).message_id == "");
  const Bounce passed_on = bounce_in("Content-Type: message/rfc822\n\nMessage-ID: <bounce@x.test>\n" +
                                     bounce_with("text/rfc822-headers\n\nMessage-ID: <r1@sender.test>\n"));
  CHECK(passed_on.message_id == "r1@sender.test");
}

TEST_CASE("a bounce as Postfix writes it") {
  const Bounce bounce = bounce_in(bounce_with("message/rfc822\n\nMessage-ID: <r1@sender.test>\n\nbody\n"));
  CHECK(shown(bounce.recipients) == "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\n");
}

TEST_CASE("only the first status counts, and a large one is read up to the limit") {
  const std::string second = "message/delivery-status\n\nFinal-Recipient: rfc822; other@x.test\n";
  CHECK(shown(bounce_in(bounce_with(second)).recipients) ==
        "|tls@gone.test|failed|5.1.1|550 5.1.1 no such user\n");
  const std::string large = std::string(mail::delivery_status_size_limit, 'x') + "\n\n" + refused;
  CHECK(bounce_in(bounce_with("text/plain\n\nx\n", large)).recipients.empty());
}
