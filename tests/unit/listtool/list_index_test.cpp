#include "listtool/list_index.h"

#include <fcntl.h>

#include "base/file.h"
#include "samples.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

TEST_CASE("an index returns the list's entry for a domain") {
  const TemporaryFolder folder;
  const Source source = source_of(
      "list", {{.domain = "a.test", .mode = preload::Mode::enforce, .joined_mxs = "mx.a.test:.b.test"},
               {.domain = "n.test", .mode = preload::Mode::none, .joined_mxs = ""},
               {.domain = "t.test", .mode = preload::Mode::testing, .joined_mxs = "mx.t.test"}});
  good(ListIndex::write(source.list, folder / "list.cdb"));
  const ListIndex index = good(ListIndex::open(folder / "list.cdb"));
  for (std::size_t i = 0; i < source.list.size(); ++i) {
    const preload::Entry entry = source.list[i];
    const auto found = good(index.find(entry.domain));
    REQUIRE(found.has_value());
    CHECK(found->mode == entry.mode);
    CHECK(found->joined_mxs == entry.joined_mxs);
  }
  for (const char* const domain : {"", "b.test", "x.a.test", "test"}) CHECK_FALSE(good(index.find(domain)));
}

TEST_CASE("an index without a list is an error") {
  const TemporaryFolder folder;
  CHECK(bad(ListIndex::open(folder / "none.cdb")).fault == Fault::io);
  write(folder / "text.cdb", std::string(5000, 'x'));
  const auto index = ListIndex::open(folder / "text.cdb");
  if (index) CHECK(bad(index->find("a.test")).fault == Fault::data);
  CHECK(bad(ListIndex::write({}, folder / "no/folder/list.cdb")).fault == Fault::cannot_create);
}

TEST_CASE("an index with an unknown mode is damaged") {
  const TemporaryFolder folder;
  UniqueFd fd(::open((folder / "list.cdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  table::CdbWriter table(fd.get());
  table.add("a.test", "xmx.a.test");
  table.add("b.test", "");
  CHECK(table.finish() == 0);
  const ListIndex index = good(ListIndex::open(folder / "list.cdb"));
  for (const char* const domain : {"a.test", "b.test"}) CHECK(bad(index.find(domain)).fault == Fault::data);
}
