#include "minisign/signature.h"

#include "samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

TEST_CASE("a signature file is read as minisign writes it") {
  const auto signature = good(parse_signature(prehashed));
  CHECK(signature.algorithm == Algorithm::prehashed);
  CHECK(to_string(signature.key_id) == id_of_a);
  CHECK(signature.untrusted_comment == "not trusted");
  CHECK(signature.trusted_comment == "first comment");
  CHECK(good(parse_signature(legacy)).algorithm == Algorithm::legacy);
}

TEST_CASE("line ends may be CRLF and the last one may be missing") {
  std::string crlf;
  for (const char c : prehashed) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(good(parse_signature(crlf)).trusted_comment == "first comment");
  CHECK(good(parse_signature(prehashed.substr(0, prehashed.size() - 1))).trusted_comment == "first comment");
}

TEST_CASE("a signature file that is cut anywhere is refused") {
  for (std::size_t size = 0; size < prehashed.size() - 1; ++size) {
    CAPTURE(size);
    CHECK(bad(parse_signature(prehashed.substr(0, size))).fault == Fault::data);
  }
}

TEST_CASE("a file that is not exactly a signature file is refused") {
  for (const std::string& content : {
           prehashed + "\n",
           prehashed + "more",
           prehashed + prehashed,
           "\n" + prehashed,
           replaced(prehashed, "untrusted comment: ", "comment: "),
           replaced(prehashed, "\ntrusted comment: ", "\nuntrusted comment: "),
           replaced(prehashed, "\ntrusted comment: ", "\n\ntrusted comment: "),
           replaced(prehashed, "RUT0", "RVT0"),
           replaced(prehashed, "RUT0", "QUT0"),
           replaced(prehashed, "RUT0", " UT0"),
           replaced(prehashed, "9g0=", "9g1="),
           replaced(prehashed, "9g0=", "9g0"),
           replaced(prehashed, "9g0=", "9g0=="),
           replaced(prehashed, "Cw==", "Cx=="),
           replaced(prehashed, "Cw==", "C==="),
           replaced(prehashed, "not trusted", std::string(2000, 'x')),
           replaced(prehashed, "first comment", std::string(9000, 'x')),
           replaced(prehashed, "first comment", std::string(1U << 20U, 'x')),
       }) {
    CAPTURE(content.substr(0, 400));
    CHECK(bad(parse_signature(content)).fault == Fault::data);
  }
}

TEST_CASE("a trusted comment names its file as minisign, rsign2 and the minisign of Go write it") {
  const auto name = [](std::string_view comment) { return good(signed_file_name(comment)); };
  CHECK(name("timestamp:1795846947\tfile:list.json\thashed") == "list.json");
  CHECK(name("timestamp:1795846947\tfile:my list.json\thashed") == "my list.json");
  CHECK(name("timestamp:1795846947\tfilename:list.json") == "list.json");
  CHECK(name("timestamp:1795846947 file:list.json") == "list.json");
  CHECK(name("file:list.json") == "list.json");
  CHECK(name("file:") == "");
  CHECK(name("list of file:list.json, made today") == "list.json,");
  for (const char* none : {"", "words", "timestamp:1", "profile:x", "File:x", "a\tthe file:x", "file"}) {
    CAPTURE(none);
    CHECK(name(none) == std::nullopt);
  }
}

TEST_CASE("a trusted comment with two names is refused") {
  for (const char* comment : {"file:a\tfile:b", "file:a file:a", "file:a\tfilename:a"}) {
    CHECK(bad(signed_file_name(comment)).fault == Fault::data);
  }
}
