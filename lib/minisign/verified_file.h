// A file whose bytes are given only after its signature was verified.
//
//     VerifiedFile file = TRY(VerifiedFile::open(path, name, signature, keys, Legacy::refuse, limit));
//     while (...) TRY(file.read(piece));                    verified bytes only
//
// The file is read twice, and may be changed in between. The first pass keeps the hash of the bytes up to the
// end of each piece. The second pass gives a piece only where the hash is still the same.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "minisign/verify.h"

namespace starttls::minisign {

class VerifiedFile {
 public:
  // Reads and verifies the whole file. `name` is the file's, for the sentences of errors. Fault::data where
  // it is not what one of the keys signed, or larger than `limit` bytes; Fault::io and Fault::permission
  // where it cannot be read or is of another kind. What is no regular file is kept in memory, as it can be
  // read only once.
  static Result<VerifiedFile> open(const std::filesystem::path& path, std::string_view name,
                                   const Signature& signature, std::span<const PublicKey> keys, Legacy legacy,
                                   std::size_t limit, FileKind kind = FileKind::regular);

  const Verified& verified() const { return verified_; }

  static constexpr std::size_t piece_size = std::size_t{1} << 20U;
  // The next bytes, whole pieces but for the last one; 0 at the end. `into` takes piece_size bytes.
  // Fault::data where the file is not, or no longer, what was verified.
  Result<std::size_t> read(std::span<char> into);

 private:
  VerifiedFile(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
  Result<std::size_t> read_at(std::span<char> into, std::size_t at) const;
  Result<void> verify(Verification verification, std::size_t limit);

  std::string name_;
  UniqueFd fd_;
  std::string whole_;  // of what is no regular file
  bool in_memory_ = false;
  Verified verified_;
  std::size_t size_ = 0;      // what was verified, in bytes
  std::vector<Hash> hashes_;  // after each piece
  std::size_t next_ = 0;      // byte of the second reading
  Blake2b again_;
};

}  // namespace starttls::minisign
