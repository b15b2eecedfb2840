#include "tlsrpt/container.h"

#include "support.h"
#include "tlsrpt/gzip.h"

using namespace starttls;
using namespace starttls::test;

namespace {

struct Found {
  std::vector<std::string> documents;  // "NUMBER CONTENT", or "NUMBER error: MESSAGE"
  std::string error;                   // of the whole file
};

Found found(const std::string& content, tlsrpt::FromLine from_line = tlsrpt::FromLine::begins_mailbox) {
  const TemporaryFolder folder;
  write(folder / "input", content);
  const auto source = good(mail::RandomAccessFile::open(folder / "input", tlsrpt::container_size_limit));
  Found all;
  const auto done = tlsrpt::for_each_document(
      source,
      [&](const tlsrpt::Location& place, const Result<ReadBytes>& document) {
        const std::uint64_t message = place.message;
        if (!document) {
          all.documents.push_back(fmt::format("{} error: {}", message, document.error().message));
          return;
        }
        std::string bytes(1'000'000, '\0');
        bytes.resize(good(read_full(*document, bytes)));
        all.documents.push_back(fmt::format("{} {}", message, bytes));
      },
      from_line);
  if (!done) all.error = done.error().message;
  return all;
}

std::vector<std::string> documents_in(const std::string& content) {
  const Found all = found(content);
  CHECK(all.error.empty());
  return all.documents;
}

std::string mail_of(const std::string& type, const std::string& content) {
  return "Subject: Report\nContent-Type: multipart/report; report-type=tlsrpt; boundary=B\n\n"
         "--B\nContent-Type: text/plain\n\nThis is a report.\n--B\nContent-Type: " +
         type + "\n\n" + content + "\n--B--\n";
}

using Documents = std::vector<std::string>;

}  // namespace

TEST_CASE("a file of JSON or gzip is a report, whatever its name") {
  CHECK(documents_in("{}") == Documents{"0 {}"});
  CHECK(documents_in("\xEF\xBB\xBF\r\n {}") == Documents{"0 \xEF\xBB\xBF\r\n {}"});
  const std::string packed = good(tlsrpt::gzip("{}"));
  CHECK(documents_in(packed) == Documents{"0 " + packed});
}

TEST_CASE("the report in a mail is found by its content, whatever its media type") {
  for (const char* type : {"application/tlsrpt+gzip", "application/tlsrpt+json", "application/octet-stream",
                           "application/x-gzip", "text/plain", ""}) {
    CHECK(documents_in(mail_of(type, "{}")) == Documents{"0 {}"});
  }
  CHECK(documents_in("Content-Type: application/tlsrpt+json\n\n{}\n") == Documents{"0 {}\n"});
  CHECK(documents_in(mail_of("text/html", "<p>") + "\n") ==
        Documents{"0 error: a mail without a report: of its 2 parts none is gzip or JSON"});
  CHECK(documents_in(mail_of("application/zip", "PK\x03\x04...")) ==
        Documents{"0 error: a zip archive; reports come as gzip or JSON (RFC 8460 section 5.3)"});
}

TEST_CASE("each mail of an mbox file is read, and a mail without a report is reported with its number") {
  const std::string folder = "From a@b.test Mon\n" + mail_of("a/b", "{\"a\": 1}") +
                             "\nFrom spam\nSubject: x\n\nbuy\n" + "\nFrom a\n" + mail_of("a/b", "{\"a\": 3}");
  CHECK(documents_in(folder) ==
        Documents{"1 {\"a\": 1}", "2 error: a mail without a report: of its 1 part none is gzip or JSON",
                  "3 {\"a\": 3}"});
}

TEST_CASE("a file that is neither JSON, gzip nor mail is refused") {
  CHECK(found("").error == "nothing is in it");
  CHECK(found(" \n").error == "nothing is in it");
  CHECK(found("PK\x03\x04").error == "a zip archive; reports come as gzip or JSON (RFC 8460 section 5.3)");
  CHECK(found("hello").error == "neither JSON, gzip, mail nor a mailbox");
  CHECK(found(std::string(2'000, '\x89')).error == "neither JSON, gzip, mail nor a mailbox");
}

TEST_CASE("in an mbox file a mail ends only at a From line") {
  const std::string mails =
      "From a@b.test Mon\n" + mail_of("a/b", "{\"a\": 1}\n\nFrom c\nX: 1\n\n{}") + "\nFrom d\n{}";
  CHECK(found(mails, tlsrpt::FromLine::begins_mail).documents ==
        Documents{"0 {\"a\": 1}\n\nFrom c\nX: 1\n\n{}"});
  CHECK(found("From a", tlsrpt::FromLine::begins_mail).documents == Documents{"0 error: an empty mail"});
  CHECK(found("{}", tlsrpt::FromLine::begins_mail).documents == Documents{"0 {}"});
}

TEST_CASE("of a mail with very many reports only the first ones are read") {
  std::string mail = "Content-Type: multipart/mixed; boundary=B\n\n";
  for (std::size_t number = 0; number < tlsrpt::max_reports + 2; ++number) mail += "--B\n\n{}\n";
  const Documents documents = documents_in(mail);
  REQUIRE(documents.size() == tlsrpt::max_reports + 1);
  CHECK(documents.back() == "0 error: a mail with 22 reports: those after the first 20 are not read");
}

TEST_CASE("the report in a mail that came back is none that others sent") {
  const std::string bounce =
      "Content-Type: multipart/report; report-type=delivery-status; boundary=A\n\n"
      "--A\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.test\n\n"
      "--A\nContent-Type: message/rfc822\n\n" +
      mail_of("application/tlsrpt+json", "{}") + "--A--\n";
  CHECK(documents_in(bounce) == Documents{"0 error: a mail that came back"});
  const TemporaryFolder folder;
  write(folder / "bounce", bounce);
  const auto source = good(mail::RandomAccessFile::open(folder / "bounce", tlsrpt::container_size_limit));
  good(tlsrpt::for_each_document(source, [&](const tlsrpt::Location& place, const Result<ReadBytes>&) {
    CHECK(place.is_bounce);
    CHECK(place.end == source.size());
  }));
  // Without a status.
  for (const char* head :
       {"X-Failed-Recipients: a@b.test\nContent-Type: multipart/mixed; boundary=A\n\n--A\n\nSorry.\n",
        "Content-Type: multipart/mixed; boundary=A\n\n--A\n\nHi. This is the qmail-send program\n"}) {
    INFO(head);
    CHECK(documents_in(std::string(head) + "--A\nContent-Type: message/rfc822\n\n" +
                       mail_of("application/tlsrpt+json", "{}") + "--A--\n") ==
          Documents{"0 error: a mail that came back"});
  }
  CHECK(documents_in("Subject: failure notice\n\nHi. This is the qmail-send program\n") ==
        Documents{"0 error: a mail that came back"});
  // A report to which a status is attached is a report.
  CHECK(documents_in(
            "Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: application/json\n\n{}\n"
            "--A\nContent-Type: message/delivery-status\n\nAction: failed\n\n--A--\n") == Documents{"0 {}"});
}
