#include "mail/random_access_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/nameless_file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::mail {
namespace {

constexpr std::size_t head_size = std::size_t{64} << 10U;

Result<UniqueFd> copied(int from, std::string_view name, std::uint64_t limit) {
  auto copy = open_nameless_file("/tmp");
  if (!copy) return copy;
  std::string buffer(head_size, '\0');
  for (std::uint64_t size = 0;;) {
    const auto got = TRY(read_some(from, buffer, name));
    if (got == 0) return copy;
    size += got;
    if (size > limit) return fail(Fault::data, "{}: larger than the limit of {} bytes", name, limit);
    if (const int error = write_all(copy->get(), std::string_view(buffer).substr(0, got)); error != 0) {
      return fail(write_fault(error), "{}: cannot be copied: {}", name, errno_text(error));
    }
  }
}

}  // namespace

Result<RandomAccessFile> RandomAccessFile::open(const std::string& path, std::uint64_t limit, FileKind kind) {
  const bool is_stdin = path == "-";
  const std::string name = is_stdin ? "standard input" : printable(path);
  auto fd = TRY(is_stdin ? Result<UniqueFd>(::dup(STDIN_FILENO))
                         : open_file(path, std::numeric_limits<std::size_t>::max(), kind));
  if (!fd) return cannot_read(name, errno);
  RandomAccessFile source(name, std::move(fd));
  TRY(is_stdin ? source.copy(limit) : source.begin(limit));
  return source;
}

Result<RandomAccessFile> RandomAccessFile::of(UniqueFd fd, std::string name) {
  RandomAccessFile source(std::move(name), std::move(fd));
  TRY(source.begin(std::numeric_limits<std::uint64_t>::max()));
  return source;
}

Result<RandomAccessFile> RandomAccessFile::of(std::string_view bytes, std::string name) {
  auto fd = TRY(open_nameless_file("/tmp"));
  if (const int error = write_all(fd.get(), bytes); error != 0)
    return fail(write_fault(error), "{}: cannot be copied: {}", name, errno_text(error));
  return of(std::move(fd), std::move(name));
}

// Copies an input that cannot be read at any offset, such as a pipe.
Result<void> RandomAccessFile::copy(std::uint64_t limit) {
  fd_ = TRY(copied(fd_.get(), name_, limit));
  return begin(limit);
}

Result<void> RandomAccessFile::begin(std::uint64_t limit) {
  std::array<char, head_size> head;
  const ssize_t got = ::pread(fd_.get(), head.data(), head.size(), 0);
  if (got < 0 && errno == ESPIPE) return copy(limit);
  if (got < 0) return cannot_read(name_, errno);
  head_.assign(head.data(), static_cast<std::size_t>(got));
  size_ = head_.size();
  if (size_ < head_size) return {};
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return cannot_read(name_, errno);
  size_ = std::max(size_, static_cast<std::uint64_t>(info.st_size));
  return {};
}

Result<std::size_t> RandomAccessFile::read_at(std::uint64_t offset, std::span<char> into) const {
  std::size_t got = 0;
  while (got < into.size()) {
    const ssize_t size =
        ::pread(fd_.get(), into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return cannot_read(name_, errno);
    if (size == 0) break;
    got += static_cast<std::size_t>(size);
  }
  return got;
}

ReadBytes RandomAccessFile::bytes(std::uint64_t begin, std::uint64_t end) const {
  if (end <= head_.size()) {
    return byte_reader(std::string_view(head_).substr(begin, end - begin));
  }
  return [this, at = begin, end](std::span<char> into) mutable -> Result<std::size_t> {
    const auto got = read_at(at, into.first(std::min<std::uint64_t>(into.size(), end - at)));
    if (got) at += *got;
    return got;
  };
}

}  // namespace starttls::mail
