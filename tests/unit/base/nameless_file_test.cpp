#include "base/nameless_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "support.h"

using namespace starttls;

namespace {

class TmpDir {
 public:
  explicit TmpDir(const std::string& value) { ::setenv("TMPDIR", value.c_str(), 1); }
  TmpDir(const TmpDir&) = delete;
  TmpDir& operator=(const TmpDir&) = delete;
  ~TmpDir() { ::unsetenv("TMPDIR"); }
};

}  // namespace

TEST_CASE("a nameless file is in the directory of TMPDIR, and nothing of it is left there") {
  const starttls::test::TemporaryFolder directory;
  const TmpDir variable(directory.path().string());
  const auto file = open_nameless_file("/nowhere");
  REQUIRE(file);
  struct stat status{};
  REQUIRE(::fstat(file->get(), &status) == 0);
  CHECK(status.st_nlink == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK(write_all(file->get(), "text") == 0);
  std::array<char, 4> text{};
  REQUIRE(::pread(file->get(), text.data(), text.size(), 0) == 4);
  CHECK(std::string_view(text.data(), text.size()) == "text");
}

TEST_CASE("a nameless file names the directory where it cannot be created") {
  const TmpDir variable("/nowhere/at/all");
  const auto file = open_nameless_file("/tmp");
  REQUIRE_FALSE(file);
  CHECK(file.error().fault == Fault::cannot_create);
  CHECK(file.error().message.starts_with("/nowhere/at/all/starttls-"));
}
