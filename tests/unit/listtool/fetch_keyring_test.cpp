#include "listtool/fetch_keyring.h"

#include <fmt/format.h>

#include "listtool/context.h"
#include "listtool/signers.h"
#include "minisign/signer.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-29T12:00:00Z");

// A list whose root key has signed each version of keys.json.
struct List {
  TemporaryFolder folder;
  Signer root;
  ListSettings settings{
      .name = "sector", .file = folder / "sector.json", .root_keys = {root.key()}, .list_name = "sector"};

  explicit List(std::uint64_t versions) {
    for (std::uint64_t version = 1; version <= versions; ++version) {
      const std::string file = folder / fmt::format("keys.{}.json", version);
      write(file, keyring::to_json(
                      {.list = "sector",
                       .version = version,
                       .created = now,
                       .expires = now + std::chrono::days(365),
                       .root = {.threshold = 1, .keys = {root.key()}},
                       .signing = {{.key = root.key(), .from = now, .until = now + std::chrono::days(1)}}}));
      (void)root.sign_file(file);
      std::filesystem::rename(file + ".minisig",
                              fmt::format("{}.{}.minisig", file, minisign::to_string(root.key().id)));
    }
  }

  // A server that needs so long for each file.
  FetchedKeyring fetch(std::chrono::seconds a_file, const Edition* installed = nullptr) const {
    Context context;
    context.now = now;
    http::Client client;
    std::chrono::steady_clock::time_point time;
    return fetch_keyring(context, client, settings, installed, nullptr, [&] { return time += a_file; });
  }
};

}  // namespace

TEST_CASE("versions of keys.json that arrive slowly end the update, and the next one goes on") {
  const List list(8);
  CHECK(list.fetch(std::chrono::seconds(1)).newest->keyring.version == 8);
  CHECK_FALSE(list.fetch(std::chrono::seconds(1)).error);

  FetchedKeyring fetched = list.fetch(std::chrono::minutes(1));
  REQUIRE(fetched.error);
  CHECK(fetched.error->fault == Fault::temporary);
  CHECK(fetched.error->message.contains("keys.3.json."));
  CHECK(fetched.error->message.contains("after 5 minutes there may still be more"));
  CHECK(fetched.newest->keyring.version == 2);

  const Edition installed{.keyring = fetched.newest};
  fetched = list.fetch(std::chrono::minutes(1), &installed);
  CHECK(fetched.error);
  CHECK(fetched.newest->keyring.version == 4);
}
