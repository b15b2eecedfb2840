// A file to be read at any place, whatever its size, with its beginning at hand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace starttls::mail {

class RandomAccessFile {
 public:
  // A regular file, or standard input where the path is "-": what comes there is copied to a file without a
  // name first, up to `limit` bytes, and so is what comes out of a pipe or a device. Errors as of
  // read_file(). `kind` is what a path other than "-" may be.
  static Result<RandomAccessFile> open(const std::string& path, std::uint64_t limit,
                                       FileKind kind = FileKind::any);

  std::uint64_t size() const { return size_; }
  // The first bytes: all of them where there are no more than 64 KiB.
  std::string_view head() const { return head_; }

  // As many bytes as there are from the offset on, but at most as the span takes.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

  // What is from one offset up to another. The source must outlive it.
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
