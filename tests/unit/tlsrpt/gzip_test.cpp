#include "tlsrpt/gzip.h"

#include <zlib.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

// zlib's own reader of gzip files.
std::string gunzip(const std::filesystem::path& file) {
  gzFile in = ::gzopen(file.c_str(), "rb");
  std::string content(1 << 20, '\0');
  const int got = ::gzread(in, content.data(), static_cast<unsigned>(content.size()));
  ::gzclose(in);
  content.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return content;
}

}  // namespace

TEST_CASE("compressed content is decompressed to the same content") {
  const TemporaryFolder folder;
  for (const std::string& content : {std::string(), std::string("x"), std::string(300000, 'a') + "end"}) {
    write(folder / "f.gz", good(tlsrpt::gzip(content)));
    CHECK(gunzip(folder / "f.gz") == content);
  }
}

TEST_CASE("the same content gives the same bytes, without a time and a name") {
  const std::string packed = good(tlsrpt::gzip("report"));
  CHECK(packed == good(tlsrpt::gzip("report")));
  CHECK(packed.substr(3, 5) == std::string(5, '\0'));  // RFC 1952: flags, time
}

namespace {

constexpr std::size_t limit = std::size_t{16} << 20U;

std::string packed(std::string_view content) {
  return good(tlsrpt::gzip(content));
}

// Everything that Gunzip returns, in pieces of at most this many bytes.
Result<std::string> unpacked(std::string_view bytes, std::uint64_t most, std::size_t piece = 1000) {
  const ReadBytes read = byte_reader(bytes);
  tlsrpt::Gunzip gunzip;
  gunzip.begin(read, most);
  std::string content;
  std::string buffer(piece, '\0');
  while (true) {
    const auto size = gunzip.read(buffer);
    if (!size) return std::unexpected(size.error());
    if (*size == 0) return content;
    content.append(buffer, 0, *size);
    REQUIRE(content.size() <= most);
  }
}

// What SmallGunzip returns.
std::optional<std::string> unpacked_at_once(std::string_view bytes) {
  tlsrpt::SmallGunzip gunzip;
  const auto content = gunzip.unpack(bytes);
  if (!content) return std::nullopt;
  CHECK(*(content->data() + content->size()) == '\0');
  return std::string(content->begin(), content->end());
}

// The same member with a checksum of its header (RFC 1952 section 2.3).
std::string with_header_checksum(std::string member) {
  member[3] = 0x02;
  const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(member.data()), 10);
  return member.insert(10, {static_cast<char>(sum & 0xFFU), static_cast<char>(sum >> 8U & 0xFFU)});
}

std::string refusal_of(std::string_view bytes, std::size_t most = limit) {
  const auto content = unpacked(bytes, most);
  REQUIRE_FALSE(content);
  CHECK(content.error().fault == Fault::data);
  return content.error().message;
}

}  // namespace

TEST_CASE("compressed data of one member or several is decompressed") {
  for (const std::string& content : {std::string(), std::string("x"), std::string(300'000, 'a') + "end"}) {
    CHECK(good(unpacked(packed(content), limit)) == content);
    CHECK(good(unpacked(packed(content), content.size())) == content);
  }
  CHECK(good(unpacked(packed("one ") + packed("") + packed("two"), limit)) == "one two");
}

TEST_CASE("small content is decompressed at once, anything else is not decided") {
  const std::string largest(tlsrpt::SmallGunzip::content_limit, 'a');
  for (const std::string& content : {std::string(), std::string("x"), std::string("\0y", 2), largest}) {
    CHECK(unpacked_at_once(packed(content)) == content);
  }
  CHECK(unpacked_at_once(packed("one ") + packed("") + packed("two")) == "one two");
  CHECK_FALSE(unpacked_at_once(packed(largest + "a")));
  CHECK_FALSE(unpacked_at_once(packed(largest) + packed("a")));
  const std::string whole = packed("report, report, report");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(unpacked_at_once(std::string_view(whole).substr(0, size)));
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] ^= 1;  // of the checksum
  CHECK_FALSE(unpacked_at_once(damaged));
  CHECK_FALSE(unpacked_at_once(whole + "x"));
  CHECK_FALSE(unpacked_at_once(whole + damaged));
}

TEST_CASE("the checksum of a header is verified") {
  std::string member = with_header_checksum(packed("report"));
  CHECK(good(unpacked(packed("a ") + member, limit)) == "a report");
  CHECK_FALSE(unpacked_at_once(packed("a ") + member));
  member[10] ^= 1;
  CHECK(refusal_of(member) == "the gzip data is damaged: header crc mismatch");
}

TEST_CASE("data that is no gzip, damaged, cut short or followed by other data is refused with the reason") {
  const std::string whole = packed("report, report, report");
  CHECK(refusal_of("") == "no gzip data");
  CHECK(refusal_of("{}") == "no gzip data");
  for (std::size_t size = 2; size < whole.size(); ++size) {
    CHECK(refusal_of(std::string_view(whole).substr(0, size)) == "the gzip data ends too early");
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] ^= 1;  // of the checksum
  CHECK(refusal_of(damaged) == "the gzip data is damaged: incorrect data check");
  CHECK(refusal_of(whole + "x") ==
        "something follows the gzip data, at byte " + std::to_string(whole.size()));
}

TEST_CASE("one Gunzip decompresses one content after another, also after an error") {
  tlsrpt::Gunzip gunzip;
  std::string buffer(100, '\0');
  for (const std::string& bytes : {packed("first"), packed("cut short").substr(0, 12), packed("last")}) {
    const ReadBytes read = byte_reader(bytes);
    gunzip.begin(read, limit);
    while (true) {
      const auto size = gunzip.read(buffer);
      if (!size || *size == 0) break;
    }
  }
  const std::string bytes = packed("again");
  const ReadBytes read = byte_reader(bytes);
  gunzip.begin(read, limit);
  const std::size_t size = good(gunzip.read(buffer));
  CHECK(buffer.substr(0, size) == "again");
}

TEST_CASE("content that arrives in pieces is compressed as one") {
  tlsrpt::Gzip gzip;
  for (const std::string& content : {std::string(), std::string("x"), std::string(300'000, 'a') + "end"}) {
    for (std::size_t at = 0; at < content.size(); at += 70'000) {
      good(gzip.add(std::string_view(content).substr(at, 70'000)));
    }
    CHECK(good(unpacked(good(gzip.finish()), limit)) == content);
  }
}

TEST_CASE("content over the limit and bombs are refused before they are read completely") {
  CHECK(refusal_of(packed("12345"), 4) == "more than 4 bytes when unpacked");
  CHECK(refusal_of(packed("123") + packed("45"), 4) == "more than 4 bytes when unpacked");
  CHECK(refusal_of(packed(std::string(4 << 20, '\0'))) == "packed more than 500 to one, as only bombs are");
}

TEST_CASE("a report of a hundred thousand identical policies is no bomb") {
  std::string json = "[";
  for (int number = 0; number < 100'000; ++number) {
    json +=
        fmt::format(R"({{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: testing"],)"
                    R"("policy-domain":"d{}.test","mx-host":["mx.example.test"]}},"summary":)"
                    R"({{"total-successful-session-count":1,"total-failure-session-count":0}}}},)",
                    number);
  }
  CHECK(good(unpacked(packed(json), 2 * json.size())) == json);
  CHECK(json.size() / packed(json).size() < tlsrpt::max_packing_ratio / 5);
}
