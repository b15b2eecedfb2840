#include "doctor/host.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::doctor;
using namespace starttls::test;

namespace {

const UserFacts user{.name = "u", .uid = 10, .groups = {20, 21}};

Node node(mode_t mode, uid_t uid, gid_t gid) {
  return {.path = "/x", .mode = mode, .uid = uid, .gid = gid};
}

}  // namespace

TEST_CASE("the first class of a mode that has the user decides") {
  CHECK(may(user, node(0400, 10, 1), Want::read));
  CHECK(!may(user, node(0044, 10, 20), Want::read));  // the owner has less than the others
  CHECK(may(user, node(0040, 1, 21), Want::read));
  CHECK(!may(user, node(0004, 1, 20), Want::read));
  CHECK(may(user, node(0002, 1, 1), Want::write));
  CHECK(!may(user, node(0006, 1, 1), Want::search));
  CHECK(may({.name = "root", .uid = 0, .groups = {0}}, node(0, 1, 1), Want::write));
}

TEST_CASE("a path is refused by its first step that may not be entered") {
  PathFacts path{.path = "/a/b", .nodes = {node(0711, 0, 0), node(0666, 0, 0)}, .modified = {}};
  CHECK(first_refusal(user, path, Want::write) == nullptr);
  CHECK(first_refusal(user, path, Want::search) == &path.nodes[1]);
  path.nodes[0].mode = 0700;
  CHECK(first_refusal(user, path, Want::write) == path.nodes.data());
}

TEST_CASE("a path is read step by step as far as it exists") {
  const TemporaryFolder folder;
  write(folder / "file", "12345");
  const PathFacts file = read_path(folder / "file");
  REQUIRE(file.exists());
  CHECK(file.size == 5);
  CHECK(file.nodes.front().path == "/");
  CHECK(file.node().path == folder / "file");
  CHECK(read_path(folder.path()).is_directory());
  const PathFacts missing = read_path(folder / "no" / "file");
  CHECK(missing.error == ENOENT);
  CHECK(missing.node().path == folder.path());
  CHECK(!read_path("").exists());
}

TEST_CASE("the disk of a path that does not exist yet is that of the directory above") {
  const TemporaryFolder folder;
  const DiskFacts disk = good(read_disk(folder / "a" / "b"));
  CHECK(disk.size > 0);
  CHECK(disk.free <= disk.size);
}

TEST_CASE("certificates are counted") {
  const TemporaryFolder folder;
  write(folder / "ca",
        "x\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n");
  CHECK(good(count_certificates(folder / "ca")) == 2);
  write(folder / "empty", "");
  CHECK(good(count_certificates(folder / "empty")) == 0);
  CHECK(bad(count_certificates(folder / "missing")).fault == Fault::io);
}

TEST_CASE("whether the C library passes on the AD bit is an option of resolv.conf") {
  const TemporaryFolder folder;
  const auto passes = [&](const char* text) {
    write(folder / "resolv.conf", text);
    return passes_on_ad(folder / "resolv.conf");
  };
  CHECK(passes("nameserver 127.0.0.1\noptions trust-ad\n"));
  CHECK(passes("options\tedns0 trust-ad timeout:1\nnameserver 127.0.0.53"));
  CHECK(!passes("nameserver 127.0.0.1\n"));
  CHECK(!passes("# options trust-ad\n; options trust-ad\n"));
  CHECK(!passes("options no-trust-ad\n"));
  CHECK(!passes_on_ad(folder / "missing"));
}

TEST_CASE("a file that another descriptor has locked is locked") {
  const TemporaryFolder folder;
  CHECK(!good(is_locked(folder / "missing")));
  write(folder / "master.pid", "1");
  CHECK(!good(is_locked(folder / "master.pid")));
  {
    const UniqueFd other = open_regular(AT_FDCWD, (folder / "master.pid").c_str());
    REQUIRE(::flock(other.get(), LOCK_EX) == 0);
    CHECK(good(is_locked(folder / "master.pid")));
  }
  CHECK(!good(is_locked(folder / "master.pid")));
}
