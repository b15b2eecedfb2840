#include "examples.h"
#include "outbound/store.h"
#include "outbound_cases.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

namespace {

std::unique_ptr<Store> new_store(const TemporaryFolder& folder) {
  return good(outbound::open_sqlite_store(folder / "s", Access::owner));
}

}  // namespace

TEST_CASE("what every outbound store does") {
  const TemporaryFolder folder;
  const auto store = new_store(folder);
  every_check_of_a_store(*store);
}

TEST_CASE("a full day is still full after the store was opened again") {
  const TemporaryFolder folder;
  a_full_day_counts_what_it_leaves_out(*new_store(folder));
  const auto again = new_store(folder);
  const auto transaction = good(again->begin_fold());
  SegmentContent content;
  CHECK(content.add(encode(received(datagram("new.example")))));
  CHECK(good(transaction->add(content.take().counts, {}, {.max_policies = 2}))->at(to_day(noon)) == 1);
}

TEST_CASE("the file of another program is no outbound store, and is not changed") {
  const TemporaryFolder folder;
  write(folder / "s", "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK(bad(outbound::open_sqlite_store(folder / "s", Access::owner)).fault == Fault::data);
  CHECK(read(folder / "s").starts_with("this is no database"));
}
