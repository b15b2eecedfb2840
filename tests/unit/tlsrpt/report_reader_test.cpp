#include "tlsrpt/report_reader.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using tlsrpt::ReportReader;

namespace {

const std::string report =
    R"({"report-id": "r1", "date-range": {"start-datetime": "2026-11-22", "end-datetime": "2026-11-22"},)"
    R"( "policies": [{"policy": {"policy-domain": "a.test"}}]})";

Result<tlsrpt::ReportReading> read(ReportReader& reader, std::string_view document) {
  return reader.read(byte_reader(document), [](tlsrpt::PolicyResult&&) {});
}

std::string unpacked(const std::string& packed) {
  const ReadBytes bytes = byte_reader(packed);
  tlsrpt::Gunzip gunzip;
  gunzip.begin(bytes, 1'000'000);
  std::string content(1'000'000, '\0');
  content.resize(good(read_full([&](std::span<char> into) { return gunzip.read(into); }, content)));
  return content;
}

}  // namespace

TEST_CASE("a report is read and kept the same as JSON and as gzip") {
  ReportReader reader(true);
  const std::string packed = good(tlsrpt::gzip(report));
  CHECK(good(read(reader, packed)).head.report_id == "r1");
  CHECK(reader.take_packed() == packed);
  CHECK(good(read(reader, report)).head.report_id == "r1");
  CHECK(unpacked(reader.take_packed()) == report);
}

TEST_CASE("a bad document does not affect the next one") {
  ReportReader reader(true);
  for (const std::string& bad_one :
       {std::string("{\"report-id\": "), good(tlsrpt::gzip(report)).substr(0, 40), std::string("\x1F\x8B"),
        std::string("{"), std::string()}) {
    CHECK(bad(read(reader, bad_one)).fault == Fault::data);
    CHECK(good(read(reader, report)).head.report_id == "r1");
    CHECK(unpacked(reader.take_packed()) == report);
  }
}

TEST_CASE("a reader that does not keep what it reads compresses nothing") {
  ReportReader reader(false);
  CHECK(read(reader, report));
  CHECK(reader.take_packed().empty());
  CHECK(read(reader, good(tlsrpt::gzip(report))));
  CHECK(reader.take_packed().empty());
}

TEST_CASE("compressed data without an end is refused at the limit") {
  ReportReader reader(true);
  // Empty gzip members, one after the other.
  const std::string member = good(tlsrpt::gzip(""));
  std::uint64_t given = 0;
  const ReadBytes endless = [&](std::span<char> into) -> Result<std::size_t> {
    for (char& c : into) c = member[given++ % member.size()];
    return into.size();
  };
  CHECK(bad(reader.read(endless, [](tlsrpt::PolicyResult&&) {})).message ==
        "more than 16777216 bytes when packed");
  CHECK(given < tlsrpt::packed_size_limit + (1U << 20U));
}
