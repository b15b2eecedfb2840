// A file of any size that is read at any offset, with its beginning in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/result.h"

namespace starttls::mail {

class RandomAccessFile {
 public:
  // Opens a regular file, or standard input where the path is "-". Standard input, pipes and devices are
  // first copied to an unnamed file, up to `limit` bytes. Errors as of read_file(). `kind` limits what a
  // path other than "-" may be.
  static Result<RandomAccessFile> open(const std::string& path, std::uint64_t limit,
                                       FileKind kind = FileKind::any);

  // A file that is open for reading at any offset, such as a nameless one (nameless_file.h), as it is now. `name` is for
  // errors. Fault::io.
  static Result<RandomAccessFile> of(UniqueFd fd, std::string name);
  // Bytes, which are copied to an unnamed file. Errors as of open_nameless_file().
  static Result<RandomAccessFile> of(std::string_view bytes, std::string name);

  std::uint64_t size() const { return size_; }
  // The first bytes: all of them where there are no more than 64 KiB.
  std::string_view head() const { return head_; }

  // Reads from the offset until the span is full or the file ends; returns the number of bytes.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

  // Reads from one offset up to another. The file must outlive it.
  ReadBytes bytes(std::uint64_t begin, std::uint64_t end) const;

 private:
  RandomAccessFile(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
  Result<void> copy(std::uint64_t limit);
  Result<void> begin(std::uint64_t limit);

  std::string name_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::string head_;
};

}  // namespace starttls::mail
