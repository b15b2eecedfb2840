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
  SECTION("what is folded is read back, and adds up") {
    what_is_folded_is_read_back_and_adds_up(*store);
  }
  SECTION("folded before") {
    a_segment_that_was_folded_before_changes_nothing(*store);
  }
  SECTION("not committed") {
    a_fold_that_is_not_committed_leaves_nothing(*store);
  }
  SECTION("days and domain") {
    only_the_days_and_the_domain_that_were_asked_for_are_read(*store);
  }
  SECTION("order") {
    policies_come_in_the_order_of_their_domains(*store);
  }
  SECTION("a full day") {
    a_full_day_counts_what_it_leaves_out(*store);
  }
  SECTION("old days") {
    old_days_are_removed_and_their_texts_before(*store);
  }
  SECTION("texts that are cut off") {
    policies_that_differ_where_texts_are_cut_off_are_one(*store);
  }
  SECTION("hostile texts") {
    hostile_texts_are_read_back(*store);
  }
}

TEST_CASE("a full day is still full after the store was opened again") {
  const TemporaryFolder folder;
  a_full_day_counts_what_it_leaves_out(*new_store(folder));
  const auto again = new_store(folder);
  const auto transaction = good(again->begin_fold());
  SegmentContent content;
  CHECK(content.add(encode(received(datagram("new.example")))));
  CHECK(good(transaction->add(content.take().counts, {.max_policies = 2})).at(to_day(noon)) == 1);
}

TEST_CASE("the file of another program is no outbound store, and is not changed") {
  const TemporaryFolder folder;
  write(folder / "s", "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK(bad(outbound::open_sqlite_store(folder / "s", Access::owner)).fault == Fault::data);
  CHECK(read(folder / "s").starts_with("this is no database"));
}
