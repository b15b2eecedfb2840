#include "mtalog/positions.h"

#include "support.h"

using namespace starttls::mtalog;
using namespace starttls::test;

TEST_CASE("positions are read back from their texts") {
  const FilePosition file{
      .needed = {.file = {.inode = 7, .begin_size = 128, .begin_crc = 0x9AF3C2D1}, .offset = 5000},
      .given = {.file = {.inode = 8, .begin_size = 5, .begin_crc = 1}, .offset = 0}};
  CHECK(to_string(file) == "file 7:128:9af3c2d1:5000 8:5:00000001:0");
  CHECK(parse_file_position(to_string(file)) == file);
  FilePosition timed = file;
  timed.time = at("2026-11-26T12:00:00Z");
  CHECK(to_string(timed) == "file 7:128:9af3c2d1:5000 8:5:00000001:0 1795694400000");
  CHECK(parse_file_position(to_string(timed)) == timed);
  const JournalPosition journal{.needed = "s=a;i=1;b=c", .given = 1795348800000000};
  CHECK(parse_journal_position(to_string(journal)) == journal);
  const JournalPosition both{.needed = "s=a;i=1;b=c", .given = 1795348800000000, .last = "s=a;i=2;b=c"};
  CHECK(to_string(both) == "journal 1795348800000000 s=a;i=1;b=c s=a;i=2;b=c");
  CHECK(parse_journal_position(to_string(both)) == both);
}

TEST_CASE("an invalid text is no position") {
  for (const char* text : {"", "file", "file ", "file 1:2:3:4", "file 1:2:3:4 5:6:7",
                           "file 1:2:3:4 5:6:7:8 x", "file 1:2:3:4 5:6:7:8 ", "file 1:2:3:4 5:6:7:8 9 9",
                           "file -1:2:3:4 5:6:7:8", "file 1:2:x:4 5:6:7:8", "journal", "journal 5",
                           "journal 5 ", "journal x y", "journal 5 a b c", "journal 5 a ", "journal 5  b"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_file_position(text).has_value());
    CHECK_FALSE(parse_journal_position(text).has_value());
  }
}
