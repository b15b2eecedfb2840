#include "mail/random_access_file.h"

#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

constexpr std::uint64_t limit = 1'000'000;

std::string all_of(const ReadBytes& bytes) {
  std::string content(limit, '\0');
  content.resize(good(read_full(bytes, content)));
  return content;
}

}  // namespace

TEST_CASE("a source returns any part of a file, small or large") {
  const TemporaryFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, std::size_t{65'536}, std::size_t{200'000}}) {
    std::string content(size, 'a');
    for (std::size_t at = 0; at < size; ++at) content[at] = static_cast<char>('a' + at % 23);
    write(folder / "file", content);
    const auto source = good(mail::RandomAccessFile::open(folder / "file", limit));
    CHECK(source.size() == size);
    CHECK(source.head() == std::string_view(content).substr(0, 65'536));
    CHECK(all_of(source.bytes(0, size)) == content);
    CHECK(all_of(source.bytes(size / 3, size / 2)) == content.substr(size / 3, size / 2 - size / 3));
    CHECK(all_of(source.bytes(size, size)).empty());
  }
}

TEST_CASE("the output of a pipe is a source, too, up to a limit") {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::string content(200'000, 'x');
  std::signal(SIGPIPE, SIG_IGN);  // for a writer that is not read to its end
  {
    const std::jthread writer([&] { write(pipe, content); });
    CHECK(all_of(good(mail::RandomAccessFile::open(pipe, limit)).bytes(0, 200'000)) == content);
  }
  const std::jthread writer([&] { write(pipe, content); });
  const Error error = bad(mail::RandomAccessFile::open(pipe, 100'000));
  CHECK(error.fault == Fault::data);
  CHECK(error.message.ends_with("pipe: larger than the limit of 100000 bytes"));
}

TEST_CASE("a missing file or a directory is no source") {
  const TemporaryFolder folder;
  CHECK(bad(mail::RandomAccessFile::open(folder / "none", limit))
            .message.ends_with("none: No such file or directory"));
  CHECK(bad(mail::RandomAccessFile::open(folder.path(), limit)).fault == Fault::io);
}

TEST_CASE("bytes and open files are sources, too") {
  const std::string bytes(100'000, 'x');
  const auto copied = good(mail::RandomAccessFile::of(bytes, "bytes"));
  CHECK(copied.size() == bytes.size());
  CHECK(all_of(copied.bytes(0, copied.size())) == bytes);
  CHECK(good(mail::RandomAccessFile::of("", "nothing")).size() == 0);
  const TemporaryFolder folder;
  write(folder / "file", "abc");
  const auto opened = good(mail::RandomAccessFile::of(good(open_file(folder / "file", limit)), "file"));
  CHECK(all_of(opened.bytes(1, 3)) == "bc");
}
