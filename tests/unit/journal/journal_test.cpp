#include "journal/journal.h"

#include <array>
#include <vector>

#include "journal/segment.h"
#include "support.h"

using namespace starttls;
using namespace starttls::journal;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

const Time now = at("2026-11-22T12:00:00Z");
constexpr std::size_t plenty = 1 << 20;
const std::string a_record = "a record";

std::size_t records_in(const fs::path& folder) {
  std::size_t records = 0;
  for (const fs::path& segment : good(list_segments(folder))) {
    const auto damage = good(read_segment(read(segment), [&](std::string_view) { return ++records > 0; }));
    CHECK_FALSE(damage.any());
  }
  return records;
}

}  // namespace

TEST_CASE("an appended record is in the file at once") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  journal.append(a_record);
  journal.append("another");
  CHECK(records_in(folder / "journal") == 2);
  CHECK(journal.counters().written == 2);
}

TEST_CASE("rotation starts a new segment only if the old one has records") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  good(journal.rotate(now));
  CHECK(good(list_segments(folder / "journal")).size() == 1);
  journal.append(a_record);
  good(journal.rotate(now));
  CHECK(good(list_segments(folder / "journal")).size() == 2);
  CHECK(journal.current_bytes() == 0);
}

TEST_CASE("a second process gets an error because the first records there") {
  const TemporaryFolder folder;
  Journal first(folder / "journal", plenty);
  good(first.open(now));
  Journal second(folder / "journal", plenty);
  const Error error = bad(second.open(now));
  CHECK(error.fault == Fault::temporary);
  CHECK(error.message.ends_with("another process records there"));
}

TEST_CASE("while the directory cannot be created, records wait in memory and are written later") {
  const TemporaryFolder folder;
  write(folder / "journal", "in the way");
  Journal journal(folder / "journal", plenty);
  CHECK(bad(journal.open(now)).fault == Fault::io);
  journal.append(a_record);
  CHECK(journal.counters().held_back == 1);
  CHECK_FALSE(journal.keep(now).has_value());
  fs::remove(folder / "journal");
  good(journal.keep(now));
  CHECK(journal.counters().held_back == 0);
  CHECK(records_in(folder / "journal") == 1);
}

TEST_CASE("beyond the memory for held-back records they are lost, and counted") {
  const TemporaryFolder folder;
  write(folder / "journal", "in the way");
  const std::string payload = a_record;
  Journal journal(folder / "journal", 2 * frame(payload).size());
  for (int i = 0; i < 5; ++i) journal.append(payload);
  CHECK(journal.counters().held_back == 2);
  CHECK(journal.counters().lost == 3);
}

TEST_CASE("records that are to be counted are counted separately from the others") {
  const TemporaryFolder folder;
  write(folder / "journal", "in the way");
  const std::string counted = "counted";
  const std::string other = "a hint";
  Journal journal(folder / "journal", frame(counted).size() + frame(other).size(),
                  [](std::string_view payload) { return payload == "counted"; });
  for (const std::string& payload : {counted, other, counted, other}) journal.append(payload);
  CHECK(journal.counters().held_back == 2);
  CHECK(journal.counters().counted.held_back == 1);
  CHECK(journal.counters().lost == 2);
  CHECK(journal.counters().counted.lost == 1);
  fs::remove(folder / "journal");
  good(journal.keep(now));
  CHECK(journal.counters().written == 2);
  CHECK(journal.counters().counted.written == 1);
  fs::remove_all(folder / "journal");
  good(journal.keep(now));
  CHECK(journal.counters().counted.written == 1);
  CHECK(journal.counters().counted.held_back == 0);
}

TEST_CASE("records that are appended together are read one by one, in their order") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  const std::string too_large(max_payload_size + 1, 'x');
  const std::array<std::string, 4> payloads{"first", "second", too_large, "third"};
  journal.append(payloads);
  CHECK(journal.counters().written == 3);
  CHECK(journal.counters().lost == 1);
  std::vector<std::string> found;
  for (const fs::path& segment : good(list_segments(folder / "journal"))) {
    good(read_segment(read(segment), [&](std::string_view payload) {
      found.emplace_back(payload);
      return true;
    }));
  }
  CHECK(found == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE("records that are appended together to a full journal are held back in their order") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", 2 * frame(a_record).size());
  good(journal.open(now));
  journal.set_full(true);
  const std::array<std::string, 3> payloads{a_record, a_record, a_record};
  journal.append(payloads);
  CHECK(journal.counters().held_back == 2);
  CHECK(journal.counters().lost == 1);
  journal.set_full(false);
  good(journal.keep(now));
  journal.append(payloads);
  CHECK(records_in(folder / "journal") == 5);
}

TEST_CASE("a directory that is removed under a running journal loses nothing") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  journal.append(a_record);
  fs::remove_all(folder / "journal");
  journal.append(a_record);
  good(journal.keep(now));
  CHECK(records_in(folder / "journal") == 2);
  CHECK(journal.counters().written == 2);
}

TEST_CASE("a directory that is moved away, with another in its place, loses nothing") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  journal.append(a_record);
  fs::rename(folder / "journal", folder / "old");
  fs::create_directory(folder / "journal");
  good(journal.keep(now));
  journal.append(a_record);
  CHECK(records_in(folder / "journal") == 2);
  CHECK(records_in(folder / "old") == 0);
  CHECK(journal.holds_lock());
}

TEST_CASE("the lock of a directory that was moved away does not apply to the one in its place") {
  const TemporaryFolder folder;
  Journal first(folder / "journal", plenty);
  good(first.open(now));
  fs::rename(folder / "journal", folder / "old");
  Journal second(folder / "journal", plenty);
  good(second.open(now));
  CHECK_FALSE(first.holds_lock());
  CHECK(bad(first.keep(now)).fault == Fault::temporary);
  CHECK_FALSE(first.holds_lock());
  CHECK(second.holds_lock());
}

TEST_CASE("a record that no reader would accept is lost alone, and counted") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  journal.append(std::string(max_payload_size + 1, 'x'));
  journal.append(a_record);
  CHECK(journal.counters().lost == 1);
  CHECK(records_in(folder / "journal") == 1);
}

TEST_CASE("a full journal holds records back until there is space") {
  const TemporaryFolder folder;
  Journal journal(folder / "journal", plenty);
  good(journal.open(now));
  journal.set_full(true);
  journal.append(a_record);
  good(journal.keep(now));
  CHECK(records_in(folder / "journal") == 0);
  journal.set_full(false);
  good(journal.keep(now));
  CHECK(records_in(folder / "journal") == 1);
}
