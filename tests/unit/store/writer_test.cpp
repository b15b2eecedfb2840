#include "store/writer.h"

#include "support.h"

using namespace starttls;
using namespace starttls::store;
using namespace starttls::test;

TEST_CASE("a state directory has one name, and no other has the same") {
  const TemporaryFolder one;
  const TemporaryFolder other;
  const std::string name = good(writer_id(one.path()));
  CHECK(name.size() == 32);
  CHECK(good(writer_id(one.path())) == name);
  CHECK(good(writer_id(other.path())) != name);
}

TEST_CASE("a file with other content is an error, not taken for an id") {
  const TemporaryFolder folder;
  write(folder / "writer", "");
  CHECK(bad(writer_id(folder.path())).fault == Fault::config);
  write(folder / "writer", std::string(32, 'x'));
  CHECK(bad(writer_id(folder.path())).message ==
        (folder / "writer").string() + ": is not the name of a writer; remove the file");
}

TEST_CASE("if nothing can be written there is no name") {
  CHECK_FALSE(writer_id("/nonexistent/folder").has_value());
}
