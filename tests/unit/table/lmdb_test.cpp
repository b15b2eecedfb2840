#include "table/lmdb.h"

#include <lmdb.h>

#include <map>

#include "support.h"

using namespace starttls;
using namespace starttls::table;
using namespace starttls::test;

namespace {

// The whole table, in its order, as LMDB itself reads it.
std::vector<std::pair<std::string, std::string>> content_of(const std::filesystem::path& path) {
  MDB_env* env = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi table = 0;
  MDB_cursor* cursor = nullptr;
  REQUIRE(::mdb_env_create(&env) == 0);
  REQUIRE(::mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0) == 0);
  REQUIRE(::mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction) == 0);
  REQUIRE(::mdb_dbi_open(transaction, nullptr, 0, &table) == 0);
  REQUIRE(::mdb_cursor_open(transaction, table, &cursor) == 0);
  std::vector<std::pair<std::string, std::string>> content;
  const auto text = [](const MDB_val& value) {
    return std::string(static_cast<const char*>(value.mv_data), value.mv_size);
  };
  MDB_val key;
  MDB_val value;
  while (::mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) content.emplace_back(text(key), text(value));
  ::mdb_cursor_close(cursor);
  ::mdb_txn_abort(transaction);
  ::mdb_env_close(env);
  return content;
}

}  // namespace

TEST_CASE("an LMDB table has all added keys, with a NUL at each end, over many transactions") {
  const TemporaryFolder folder;
  write(folder / "t.lmdb", "");
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 60'000; ++i)
    expected[fmt::format("key{}", i)] = std::string(300, 'v') + std::to_string(i);
  LmdbWriter writer(folder / "t.lmdb");
  for (const auto& [key, value] : expected) writer.add(key, value);
  REQUIRE(writer.finish() == 0);
  const auto content = content_of(folder / "t.lmdb");
  REQUIRE(content.size() == expected.size());
  auto next = expected.begin();
  bool same = true;
  for (const auto& [key, value] : content) {
    same = same && key == next->first + '\0' && value == next->second + '\0';
    ++next;
  }
  CHECK(same);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("an empty LMDB table is valid, and a value may be longer than a page") {
  const TemporaryFolder folder;
  for (const char* name : {"empty", "long"}) write(folder / name, "");
  REQUIRE(LmdbWriter(folder / "empty").finish() == 0);
  CHECK(content_of(folder / "empty").empty());
  LmdbWriter writer(folder / "long");
  writer.add("a", std::string(20'000, 'x'));
  REQUIRE(writer.finish() == 0);
  CHECK(content_of(folder / "long").front().second.size() == 20'001);
}

TEST_CASE("an LMDB table that cannot be written reports the reason") {
  const TemporaryFolder folder;
  LmdbWriter nowhere(folder / "no/such/folder");
  nowhere.add("a", "b");
  CHECK(lmdb_text(nowhere.finish()) == "No such file or directory");
  write(folder / "order", "");
  LmdbWriter writer(folder / "order");
  writer.add("b", "1");
  writer.add("a", "2");
  CHECK(writer.finish() != 0);
}
