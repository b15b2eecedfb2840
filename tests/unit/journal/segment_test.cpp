#include "journal/segment.h"

#include "support.h"

using namespace starttls;
using namespace starttls::journal;
using namespace starttls::test;

namespace {

std::string segment_of(std::size_t records) {
  std::string content(segment_magic);
  for (std::size_t i = 0; i < records; ++i) content += frame("the payload of a record");
  return content;
}

struct Reading {
  std::size_t records = 0;
  SegmentDamage damage;
};

Reading reading(std::string_view content) {
  Reading r;
  r.damage = good(read_segment(content, [&](std::string_view) { return ++r.records > 0; }));
  return r;
}

}  // namespace

TEST_CASE("a valid segment returns all its records") {
  const Reading r = reading(segment_of(3));
  CHECK(r.records == 3);
  CHECK_FALSE(r.damage.any());
}

TEST_CASE("an empty or just created segment is valid or has a torn beginning") {
  CHECK_FALSE(reading("").damage.any());
  CHECK_FALSE(reading(segment_magic).damage.any());
  CHECK(reading(segment_magic.substr(0, 3)).damage.tail == 3);
}

TEST_CASE("a segment cut anywhere returns every whole record before the cut") {
  const std::string whole = segment_of(3);
  const std::size_t one = (whole.size() - segment_magic.size()) / 3;
  for (std::size_t cut = segment_magic.size(); cut < whole.size(); ++cut) {
    const Reading r = reading(std::string_view(whole).substr(0, cut));
    CHECK(r.records == (cut - segment_magic.size()) / one);
    CHECK(r.damage.tail == (cut - segment_magic.size()) % one);
  }
}

TEST_CASE("a record with a wrong checksum is skipped and the next ones are read") {
  std::string content = segment_of(3);
  content[segment_magic.size() + 20] ^= 1;
  const Reading r = reading(content);
  CHECK(r.records == 2);
  CHECK(r.damage.records == 1);
}

TEST_CASE("a record whose payload its reader does not take is damage") {
  const SegmentDamage damage = good(read_segment(segment_of(2), [](std::string_view) { return false; }));
  CHECK(damage.records == 2);
}

TEST_CASE("zeroes after a power cut are no records") {
  const Reading r = reading(segment_of(1) + std::string(4096, '\0'));
  CHECK(r.records == 1);
  CHECK(r.damage.tail == 4096);
}

TEST_CASE("a length that is too large ends the reading") {
  const Reading r = reading(segment_of(1) + "\xff\xff\xff\xff" + std::string(100, 'x'));
  CHECK(r.records == 1);
  CHECK(r.damage.tail == 104);
}

TEST_CASE("another file is no segment") {
  CHECK(bad(read_segment("{\"json\": true}", [](std::string_view) { return true; })).fault == Fault::data);
}

TEST_CASE("ids of segments are unique and in the order of time") {
  const Time now = at("2026-11-22T10:00:00Z");
  CHECK(new_segment_id(now) != new_segment_id(now));
  CHECK(new_segment_id(now) < new_segment_id(now + std::chrono::milliseconds{1}));
}

TEST_CASE("a segment of a newer version is not one that is damaged") {
  std::string newer = segment_of(1);
  newer[segment_magic.size() - 1] = '2';
  CHECK(is_newer_segment(newer));
  const Error refused = bad(read_segment(newer, [](std::string_view) { return true; }));
  CHECK(refused.fault == Fault::data);
  CHECK(refused.message.find("made by a newer version: a journal with STKJRNL2") != std::string::npos);
  for (const std::string_view other :
       {"", "STKJRNL", "STKJRNL0 older", "STKJRNLX", "STKJRN", "not a segment", "STKJRNL1"}) {
    CAPTURE(other);
    CHECK_FALSE(is_newer_segment(other));
  }
}
