#include "mail/message.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

// "TYPE: CONTENT" of each part.
std::vector<std::string> parts_of(const std::string& message) {
  const TemporaryFolder folder;
  write(folder / "mail", message);
  const auto source = good(mail::RandomAccessFile::open(folder / "mail", 1'000'000'000));
  std::vector<std::string> parts;
  good(mail::for_each_part(source, 0, source.size(), [&](const mail::Part& part) {
    std::string content(1'000'000, '\0');
    content.resize(good(read_full(part.content, content)));
    parts.push_back(part.content_type + ": " + content);
  }));
  return parts;
}

using Parts = std::vector<std::string>;

const std::string multipart =
    "From: a@b.test\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=tlsrpt; boundary=B\n\n";

}  // namespace

TEST_CASE("the parts of a mail are decoded, in their order") {
  CHECK(parts_of(
            multipart +
            "preamble\n--B\nContent-Type: text/plain\n\nhello\n--B\nContent-Type: application/TLSRPT+json\n"
            "Content-Transfer-Encoding: base64\n\ne30=\n--B--\nepilogue\n") ==
        Parts{"text/plain: hello", "application/tlsrpt+json: {}"});
  CHECK(
      parts_of(
          "Content-Type: application/tlsrpt+json\nContent-Transfer-Encoding: quoted-printable\n\n{=3D=\n}") ==
      Parts{"application/tlsrpt+json: {=}"});
}

TEST_CASE("a mail with a part of 200 kB is read from the file") {
  const std::string text(200'000, 'x');
  CHECK(parts_of(multipart + "--B\n\n" + text + "\n--B\n\nlast\n--B--\n") ==
        Parts{"text/plain: " + text, "text/plain: last"});
}

TEST_CASE("base64 with invalid characters, without its end or with blanks is decoded as far as possible") {
  const auto content = [](const std::string& body) {
    return parts_of("Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n" + body).at(0);
  };
  CHECK(content("e3*0!\r\n =\n") == "application/gzip: {}");
  CHECK(content("e30") == "application/gzip: {}");
  CHECK(content("e30w") == "application/gzip: {}0");
  CHECK(content("ew") == "application/gzip: {");
  CHECK(content("e3" + std::string(20'000, '*') + "0=") == "application/gzip: {}");
  CHECK(content("ew==") == "application/gzip: {");
  CHECK(content("\n\n e30=\n") == "application/gzip: {}");
}

TEST_CASE("the parts of a mail within a mail are returned, too") {
  CHECK(parts_of(
            multipart +
            "--B\nContent-Type: message/rfc822\n\nSubject: fwd\nContent-Type: text/x-inner\n\nin\n--B--\n") ==
        Parts{"text/x-inner: in"});
}

TEST_CASE("broken MIME is read as far as it can be understood") {
  CHECK(parts_of(multipart + "--B\nContent-Type: text/plain\n\nno closing boundary") ==
        Parts{"text/plain: no closing boundary"});
  CHECK(parts_of("Content-Type: multipart/mixed\n\n--B\n\nno boundary parameter\n").size() <= 1);
  CHECK(parts_of("Content-Type: ///;;==\n\ntext\n").size() == 1);
  CHECK(parts_of("Subject: only a header").size() == 1);
  CHECK(parts_of("Content-Transfer-Encoding: x-unknown\n\nabc").at(0) == "text/plain: abc");
}

TEST_CASE("a mail of a hundred thousand levels or parts neither crashes nor takes for ever") {
  std::string deep = "MIME-Version: 1.0\n";
  for (int level = 0; level < 100'000; ++level) {
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(level) + "\n\n--b" +
            std::to_string(level) + "\n";
  }
  const TemporaryFolder folder;
  write(folder / "deep", deep);
  const auto source = good(mail::RandomAccessFile::open(folder / "deep", 1'000'000'000));
  (void)mail::for_each_part(source, 0, source.size(), [](const mail::Part&) {});
  std::string wide = multipart;
  for (int part = 0; part < 100'000; ++part) wide += "--B\n\nx\n";
  write(folder / "wide", wide);
  const auto wide_source = good(mail::RandomAccessFile::open(folder / "wide", 1'000'000'000));
  CHECK(bad(mail::for_each_part(wide_source, 0, wide_source.size(), [](const mail::Part&) {})).message ==
        "a mail of more than 1000 parts");
}

TEST_CASE("a part ends before the newline of its boundary, whatever its form") {
  CHECK(parts_of(
            multipart +
            "--B\r\nContent-Type: a/b\r\n\r\none\r\n--B  \r\n\r\ntwo\n--B--\r\nepilogue\r\n--B\r\n\r\nx") ==
        Parts{"a/b: one", "text/plain: two"});
  CHECK(parts_of(multipart + "--B\n--B\n\n\n--B--\n") == Parts{"text/plain: "});
  CHECK(parts_of(multipart + "--Bx\n--B\n\n--By\n--B--") == Parts{"text/plain: --By"});
}

TEST_CASE("folded fields are read in any case, and a boundary with and without quotes") {
  CHECK(parts_of("CONTENT-TYPE: multipart/mixed;\r\n\tboundary=\"a b\"\r\n\r\n--a "
                 "b\r\ncontent-transfer-encoding:\r\n "
                 "BASE64\r\n\r\ne30=\r\n--a b--\r\n") == Parts{"text/plain: {}"});
}

TEST_CASE("a header of more than 256 KiB is refused") {
  const TemporaryFolder folder;
  write(folder / "mail", "Subject: " + std::string(2'000'000, 'x'));
  const auto source = good(mail::RandomAccessFile::open(folder / "mail", 1'000'000'000));
  CHECK(bad(mail::for_each_part(source, 0, source.size(), [](const mail::Part&) {})).message ==
        "a mail with a header of more than 262144 bytes");
}

TEST_CASE("a mail over the limit is refused") {
  const TemporaryFolder folder;
  write(folder / "mail", "Subject: x\n\n");
  std::filesystem::resize_file(folder / "mail", mail::message_size_limit + 1);
  const auto source = good(mail::RandomAccessFile::open(folder / "mail", 1'000'000'000));
  CHECK(bad(mail::for_each_part(source, 0, source.size(), [](const mail::Part&) {})).message ==
        "a mail larger than the limit of 67108864 bytes");
}

TEST_CASE("a text that begins with the name of a header field is a mail") {
  CHECK(mail::is_message("Received: from"));
  CHECK(mail::is_message("X-Original_To:x"));
  CHECK_FALSE(mail::is_message("From a@b.test"));
  CHECK_FALSE(mail::is_message(": x"));
  CHECK_FALSE(mail::is_message("{\"a\": 1}"));
  CHECK_FALSE(mail::is_message("text"));
  CHECK_FALSE(mail::is_message(""));
}

TEST_CASE("an overlong field is not parsed, and the last of several counts") {
  const std::string many(mail::field_size_limit, ';');
  CHECK(parts_of("Content-Type: a/b" + many + "\n\nx") == Parts{"text/plain: x"});
  CHECK(parts_of("Content-Type: a/b; c=\"" + many.substr(100) + "\"\n\nx") == Parts{"a/b: x"});
  CHECK(parts_of("Content-Type: a/b\nContent-Type: c/d\n\nx") == Parts{"c/d: x"});
}

TEST_CASE("a boundary of an outer multipart ends everything within it") {
  const std::string inner = "--B\nContent-Type: multipart/mixed; boundary=C\n\n--C\n\none\n";
  CHECK(parts_of(multipart + inner + "--B\n\ntwo\n--C\nthree\n--B--\n") ==
        Parts{"text/plain: one", "text/plain: two\n--C\nthree"});
  CHECK(parts_of(multipart + inner + "--C--\nepilogue\n--B\nContent-Type: a/b\n--B--\n--C\n\nno part") ==
        Parts{"text/plain: one", "a/b: "});
  CHECK(parts_of(multipart + "--B\nContent-Type: message/rfc822\n\n--B\n\ntwo\n--B--\n") ==
        Parts{"text/plain: two"});
}

TEST_CASE("deep nesting does not increase how often a line of a mail is read") {
  std::string deep;
  for (std::size_t level = 0; level < mail::max_levels; ++level)
    deep += fmt::format("Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n", level);
  const std::string text(500'000, '\n');
  CHECK(parts_of(deep + "\n" + text) == Parts{"text/plain: " + text});
  CHECK(parts_of(deep + "Content-Type: multipart/mixed; boundary=c\n\n--c\n\ntoo deep\n").empty());
}

TEST_CASE("the line end before a boundary belongs to the boundary, whatever the encoding") {
  for (const std::string encoding :
       {"", "Content-Transfer-Encoding: binary\r\n", "Content-Transfer-Encoding: 8bit\r\n",
        "Content-Transfer-Encoding: 7bit\r\n", "Content-Transfer-Encoding: x-unknown\r\n"}) {
    const std::string head =
        "Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\n"
        "Content-Type: application/gzip\r\n" +
        encoding + "\r\n";
    CHECK(parts_of(head + "abc\r\n--B--\r\n") == Parts{"application/gzip: abc"});
    CHECK(parts_of(head + "abc\r\n\r\n--B--\r\n") == Parts{"application/gzip: abc\r\n"});
    CHECK(parts_of(head + "\r\n--B--\r\n") == Parts{"application/gzip: "});
    CHECK(parts_of(head + "a\nb\rc\r\n--B--\r\n") == Parts{"application/gzip: a\nb\rc"});
    CHECK(parts_of(head + "abc\n--B--\n") == Parts{"application/gzip: abc"});
  }
}

TEST_CASE("a line end that falls between two reads of the file is still removed from a part") {
  const std::string head = "Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\n\r\n";
  constexpr std::size_t read_at_once = std::size_t{64} << 10U;
  for (std::size_t shift = 0; shift < 4; ++shift) {
    const std::string text(read_at_once - head.size() - 3 + shift, 'x');
    CHECK(parts_of(head + text + "\r\n--B\r\n\r\nlast\r\n--B--\r\n") ==
          Parts{"text/plain: " + text, "text/plain: last"});
  }
}

TEST_CASE("a part of a digest is a mail unless it has another type") {
  const std::string mail = "Subject: R\nContent-Type: text/x-inner\n\nin\n";
  const std::string digest = "Content-Type: multipart/digest; boundary=O\n\n";
  CHECK(parts_of(digest + "--O\n\n" + mail + "--O\n\n" + mail + "--O--\n") ==
        Parts{"text/x-inner: in", "text/x-inner: in"});
  CHECK(parts_of(digest + "--O\nContent-Description: x\n\n" + mail + "--O--\n") == Parts{"text/x-inner: in"});
  CHECK(parts_of(digest + "--O\nContent-Type: text/plain\n\n" + mail + "--O--\n") ==
        Parts{"text/plain: " + mail.substr(0, mail.size() - 1)});
  CHECK(parts_of(digest + "--O\n\nSubject: no type\n\nin\n--O--\n") == Parts{"text/plain: in"});
  // A multipart within the mail, and a digest within a multipart.
  CHECK(parts_of(digest + "--O\n\nContent-Type: multipart/mixed; boundary=I\n\n--I\n\nin\n--I--\n--O--\n") ==
        Parts{"text/plain: in"});
  CHECK(parts_of(multipart + "--B\nContent-Type: Multipart/Digest; boundary=O\n\n--O\n\n" + mail +
                 "--O--\n--B\n\nafter\n--B--\n") == Parts{"text/x-inner: in", "text/plain: after"});
}

TEST_CASE("uuencoded content is decoded without its first line") {
  const std::string head = "Content-Type: application/json\nContent-Transfer-Encoding: x-uuencode\n\n";
  CHECK(parts_of(head + "begin 644 x\n#>WT*\n`\nend\n") == Parts{"application/json: {}\n"});
  CHECK(parts_of(head + "\nbegin 644 a b.json\n\">WT \n`\nend\n") == Parts{"application/json: {}"});
}
