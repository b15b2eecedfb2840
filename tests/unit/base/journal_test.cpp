#include "base/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

// JOURNAL_STREAM as systemd sets it for this descriptor, until the end of the test.
class JournalStream {
 public:
  explicit JournalStream(const std::string& value) { ::setenv("JOURNAL_STREAM", value.c_str(), 1); }
  JournalStream(const JournalStream&) = delete;
  JournalStream& operator=(const JournalStream&) = delete;
  ~JournalStream() { ::unsetenv("JOURNAL_STREAM"); }
};

std::string stream_of(int fd) {
  struct stat info{};
  REQUIRE(::fstat(fd, &info) == 0);
  return fmt::format("{}:{}", info.st_dev, info.st_ino);
}

}  // namespace

TEST_CASE("each line for the journal has its priority in front") {
  CHECK(with_priority(Priority::error, "a") == "<3>a\n");
  CHECK(with_priority(Priority::warning, "a\nb\n") == "<4>a\n<4>b\n");
  CHECK(with_priority(Priority::info, "\na\n\n<0>b") == "<6>a\n<6><0>b\n");
  CHECK(with_priority(Priority::debug, "").empty());
}

TEST_CASE("the journal is what JOURNAL_STREAM names, and nothing else") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  CHECK_FALSE(is_journal(writing.get()));
  const std::string stream = stream_of(writing.get());
  {
    const JournalStream set(stream);
    CHECK(is_journal(writing.get()));
    CHECK_FALSE(is_journal(-1));
  }
  for (const std::string& other : {stream + "1", stream.substr(0, stream.find(':')), std::string("0:0"),
                                   std::string(), stream + " ", "0" + stream}) {
    CAPTURE(other);
    const JournalStream set(other);
    CHECK_FALSE(is_journal(writing.get()));
  }
}
