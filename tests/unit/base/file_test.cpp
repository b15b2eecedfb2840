#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/directory.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
namespace fs = std::filesystem;

TEST_CASE("a file is read completely or refused because of its size") {
  const TemporaryFolder folder;
  write(folder / "a", "content");
  CHECK(good(read_file(folder / "a", 7)) == "content");
  CHECK(bad(read_file(folder / "a", 6)).fault == Fault::data);
  CHECK(bad(read_file(folder / "none", 6)).fault == Fault::io);
  CHECK(bad(read_file(folder.path(), 6)).fault == Fault::io);
}

TEST_CASE("a file that is not regular is rejected without waiting for it, unless it is an argument") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("pipe", folder / "link");
  fs::create_directory(folder / "directory");
  const auto why = [&](const fs::path& path) {
    const Error error = bad(read_file(path, 100));
    CHECK(error.fault == Fault::io);
    return error.message.substr(path.string().size() + 2);
  };
  CHECK(why(folder / "pipe") == "a named pipe, not a regular file");
  CHECK(why(folder / "link") == "a named pipe, not a regular file");
  CHECK(why(folder / "directory") == "a directory, not a regular file");
  CHECK(why("/dev/null") == "a device, not a regular file");
  CHECK(good(read_file("/dev/null", 100, FileKind::any)).empty());
}

TEST_CASE("a sparse file of 2 GiB is refused without being read") {
  const TemporaryFolder folder;
  write(folder / "huge", "");
  fs::resize_file(folder / "huge", std::uintmax_t{2} << 30U);
  const Error error = bad(read_file(folder / "huge", 1 << 20));
  CHECK(error.fault == Fault::data);
  CHECK(error.message.find("larger than the limit of 1048576 bytes") != std::string::npos);
}

TEST_CASE("a replaced file has the new content, a new one has its mode, and no other file remains") {
  const TemporaryFolder folder;
  write(folder / "map", "old");
  good(replace_file(folder / "map", "new"));
  CHECK(read(folder / "map") == "new");
  good(replace_file(folder / "fresh", "new", 0640));
  CHECK((fs::status(folder / "fresh").permissions() & fs::perms::mask) == fs::perms(0640));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 2);
}

TEST_CASE("a symbolic link stays and its target is replaced") {
  const TemporaryFolder folder;
  write(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  good(replace_file(folder / "link", "new"));
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read(folder / "target") == "new");
}

TEST_CASE("an existing file keeps its mode") {
  const TemporaryFolder folder;
  write(folder / "map", "old");
  fs::permissions(folder / "map", fs::perms(0640));
  good(replace_file(folder / "map", "new"));
  CHECK((fs::status(folder / "map").permissions() & fs::perms::mask) == fs::perms(0640));
}

TEST_CASE("a file that is not regular is refused and not changed") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("/dev/null", folder / "device");
  CHECK(bad(replace_file(folder / "pipe", "new")).message.ends_with("it is not a regular file"));
  CHECK(bad(replace_file(folder / "dangling", "new")).message.ends_with("the symbolic link leads nowhere"));
  CHECK(bad(replace_file(folder / "loop", "new")).fault == Fault::cannot_create);
  CHECK(bad(replace_file(folder / "device", "new")).fault == Fault::cannot_create);
  CHECK(fs::is_fifo(folder / "pipe"));
  CHECK(fs::is_symlink(folder / "dangling"));
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("a file that cannot be replaced stays as it was") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "map");
  write(folder / "map/inside", "x");
  CHECK(bad(replace_file(folder / "map", "new")).fault == Fault::cannot_create);
  CHECK(bad(replace_file(folder / "no/such/place", "new")).fault == Fault::cannot_create);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a file with the same content is not written") {
  const TemporaryFolder folder;
  const auto update = [](const fs::path& path, std::string_view content) {
    auto file = good(AtomicFile::create(path));
    file.append(content);
    return good(file.commit_if_changed());
  };
  const std::string content(200'000, 'x');
  write(folder / "file", content);
  const auto time = fs::last_write_time(folder / "file") - std::chrono::hours(1);
  fs::last_write_time(folder / "file", time);
  CHECK_FALSE(update(folder / "file", content));
  CHECK(fs::last_write_time(folder / "file") == time);
  for (const std::string& other :
       {content + "y", content.substr(1), content.substr(1) + "y", std::string()}) {
    CHECK(update(folder / "file", other));
    CHECK(read(folder / "file") == other);
  }
  CHECK(update(folder / "none", ""));
  CHECK(fs::exists(folder / "none"));
}

TEST_CASE("a draft that is not published is removed") {
  const TemporaryFolder folder;
  write(folder / "map", "old");
  {
    auto draft = good(AtomicFile::create(folder / "map"));
    draft.append("new");
    CHECK(good(draft.differs()));
    good(draft.finish());
  }
  CHECK(read(folder / "map") == "old");
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("the remains of a killed process's draft are removed by the next one") {
  const TemporaryFolder folder;
  const std::string left = "map.starttls-draft-abc123";
  for (const std::string& name :
       {left, left + ".db", "__db." + left + ".db", std::string("map.starttls-draft-abc124.db")}) {
    write(folder / name, "half");
  }
  // Files of others, however similar their names are to ours.
  const std::vector<std::string> others{
      "map.new-abc123", "map.starttls-draft-abc12",  left + "4",
      left + ".bak",    "map.starttls-draft-abc-23", "other.starttls-draft-abc123"};
  for (const std::string& name : others) write(folder / name, "whole");
  fs::create_symlink("map.new-abc123", folder / "map.starttls-draft-linked");
  {
    // The remains of a killed process that ran a program on its draft.
    fs::create_directory(folder / "map.starttls-draft-0123456789abcdefABCDEF");
    write(folder / "map.starttls-draft-0123456789abcdefABCDEF/map.db", "half");
  }
  auto living = good(AtomicFile::create(folder / "map"));
  CHECK_FALSE(fs::exists(folder / "map.starttls-draft-0123456789abcdefABCDEF"));
  living.append("living");
  for (const std::string& name :
       {left, left + ".db", "__db." + left + ".db", std::string("map.starttls-draft-abc124.db")}) {
    CAPTURE(name);
    CHECK_FALSE(fs::exists(folder / name));
  }
  for (const std::string& name : others) {
    CAPTURE(name);
    CHECK(fs::exists(folder / name));
  }
  CHECK(fs::is_symlink(folder / "map.starttls-draft-linked"));
  good(replace_file(folder / "map", "new"));
  good(living.finish());
  good(living.commit());
  CHECK(read(folder / "map") == "living");
}

TEST_CASE("a draft is replaced by what a program made of it") {
  const TemporaryFolder folder;
  auto draft = good(AtomicFile::create(folder / "map"));
  draft.append("source");
  const int directory = good(draft.move_to_private_directory("source"));
  struct stat info{};
  REQUIRE(::fstat(directory, &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  CHECK(read(path_below(directory, "source")) == "source");
  write(path_below(directory, "source.db"), "made");
  good(draft.replace_with("source.db"));
  good(draft.finish());
  good(draft.commit());
  CHECK(read(folder / "map") == "made");
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

namespace {

constexpr uid_t another = 65534;  // nobody
constexpr gid_t other_group = 65534;

// A directory of another user, next to a file that only root may read.
struct ForeignDirectory {
  TemporaryFolder folder;
  fs::path theirs = folder / "theirs";
  fs::path victim = folder / "victim";

  ForeignDirectory() {
    fs::create_directory(theirs);
    REQUIRE(::chown(theirs.c_str(), another, other_group) == 0);
    write(victim, "root's");
    REQUIRE(::chmod(victim.c_str(), 0600) == 0);
  }
  bool is_unchanged() const {
    struct stat info{};
    return read(victim) == "root's" && ::stat(victim.c_str(), &info) == 0 && (info.st_mode & 07777) == 0600 &&
           info.st_uid == 0;
  }
};

}  // namespace

TEST_CASE("root follows no link in a directory of another user") {
  if (::geteuid() != 0) return;
  const ForeignDirectory foreign;
  fs::create_symlink("../victim", foreign.theirs / "map");
  fs::create_symlink(".", foreign.theirs / "way");
  CHECK(bad(replace_file(foreign.theirs / "map", "new")).message.ends_with("is not followed"));
  CHECK(bad(replace_file(foreign.theirs / "way/new", "new")).message.ends_with("is not followed"));
  CHECK(foreign.is_unchanged());
  good(replace_file(foreign.theirs / "fresh", "new"));
  CHECK(read(foreign.theirs / "fresh") == "new");
}

TEST_CASE("root does not keep the setuid bit of a file") {
  const TemporaryFolder folder;
  write(folder / "map", "old");
  REQUIRE(::chmod((folder / "map").c_str(), 04755) == 0);
  good(replace_file(folder / "map", "new"));
  CHECK((fs::status(folder / "map").permissions() & fs::perms::mask) == fs::perms(0755));
}

TEST_CASE("a directory is guarded if nobody else can change it or the path to it") {
  if (::geteuid() != 0) return;
  const ForeignDirectory foreign;
  CHECK(good(Directory::open(foreign.folder.path())).is_guarded());
  CHECK_FALSE(good(Directory::open(foreign.theirs)).is_guarded());
  fs::create_directory(foreign.theirs / "roots");
  CHECK_FALSE(good(Directory::open(foreign.theirs / "roots")).is_guarded());
  CHECK_FALSE(good(Directory::open("/tmp")).is_guarded());
  CHECK(good(Directory::open("/tmp")).is_path_guarded());
  fs::create_directory(foreign.folder / "writable");
  REQUIRE(::chmod((foreign.folder / "writable").c_str(), 0777) == 0);
  CHECK_FALSE(good(Directory::open(foreign.folder / "writable")).is_guarded());
  CHECK(good(Directory::make(foreign.folder / "a/b/c")).is_guarded());
  CHECK(bad(Directory::make(foreign.theirs / "a/b")).message.ends_with("No such file or directory"));
}

TEST_CASE("links of root's own are followed, and circular ones end") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "a/b");
  fs::create_symlink("a", folder / "first");
  fs::create_symlink(folder / "first/b", folder / "second");
  fs::create_symlink("../second/../b/target", folder / "a/third");
  write(folder / "a/b/target", "old");
  good(replace_file(folder / "a/third", "new"));
  CHECK(read(folder / "a/b/target") == "new");
  fs::create_symlink("round", folder / "round");
  CHECK(bad(Directory::open(folder / "round")).message.ends_with("Too many levels of symbolic links"));
}
