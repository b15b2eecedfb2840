#include "listtool/publish/key_files.h"

#include "minisign/signer.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool::publish;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-29T12:00:00Z");

// A publisher's directory with two root keys and an online key.
struct Keys {
  TemporaryFolder folder;
  Layout layout{folder.path()};
  Signer a, b, online;

  Keys() { std::filesystem::create_directory(layout.keys()); }

  keyring::Keyring version(std::uint64_t number) const {
    return {.list = "sector",
            .version = number,
            .created = now,
            .expires = now + std::chrono::days(365),
            .root = {.threshold = 2, .keys = {a.key(), b.key()}},
            .signing = {{.key = online.key(), .from = now, .until = now + std::chrono::days(90)}}};
  }
  void write_version(std::uint64_t number) const { good(write_draft(layout, version(number))); }
  // As minisign(1) writes it, moved beside the file.
  void sign(std::uint64_t number, const Signer& signer) const {
    const std::string file = (layout.keys() / key_file(number)).string();
    (void)signer.sign_file(file);
    std::filesystem::rename(file + ".minisig", signature_file(file, signer.key().id));
  }
  KeyVersions read() const { return good(read_key_versions(layout, "sector")); }
};

}  // namespace

TEST_CASE("a version is in use once enough root keys have signed it") {
  const Keys keys;
  CHECK(keys.read().newest() == nullptr);
  CHECK_FALSE(keys.read().draft);
  keys.write_version(1);
  REQUIRE(keys.read().draft);
  CHECK(keys.read().draft->signed_by.empty());
  keys.sign(1, keys.a);
  KeyVersions versions = keys.read();
  REQUIRE(versions.draft);
  CHECK(versions.draft->signed_by == std::vector{keys.a.key().id});
  CHECK(versions.draft->unsigned_because);
  keys.sign(1, keys.b);
  versions = keys.read();
  CHECK_FALSE(versions.draft);
  REQUIRE(versions.newest() != nullptr);
  CHECK(versions.newest()->keyring.version == 1);
  CHECK(versions.newest()->signatures.size() == 2);
}

TEST_CASE("the next version is a draft, and the one before it stays in use") {
  const Keys keys;
  keys.write_version(1);
  keys.sign(1, keys.a);
  keys.sign(1, keys.b);
  keys.write_version(2);
  keys.sign(2, keys.online);  // no root key
  const KeyVersions versions = keys.read();
  CHECK(versions.newest()->keyring.version == 1);
  REQUIRE(versions.draft);
  CHECK(versions.draft->keyring.version == 2);
  CHECK(versions.draft->signed_by.empty());
}

TEST_CASE("a signature of another version is none") {
  const Keys keys;
  keys.write_version(1);
  keys.sign(1, keys.a);
  keys.write_version(1);
  auto other = keys.version(1);
  other.threshold = 1;
  other.expires += std::chrono::days(1);
  good(write_draft(keys.layout, other));
  CHECK(keys.read().draft->signed_by.empty());
}

TEST_CASE("keys of another list, and what is no keys.json, are errors with the file") {
  const Keys keys;
  keys.write_version(1);
  keys.sign(1, keys.a);
  keys.sign(1, keys.b);
  CHECK(good(read_key_versions(keys.layout, "other")).draft->unsigned_because->message.contains("sector"));
  write(keys.layout.keys() / "keys.2.json", "{}");
  CHECK(bad(read_key_versions(keys.layout, "sector")).message.contains("keys.2.json"));
}
