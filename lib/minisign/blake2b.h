// BLAKE2b-512 (RFC 7693), the hash of a file that minisign signs. By OpenSSL.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::minisign {

using Hash = std::array<unsigned char, 64>;

// 128 lower-case hexadecimal digits.
std::string to_hex(const Hash& hash);
// The same back; nothing where the text is anything else.
std::optional<Hash> parse_hash(std::string_view hex);

// Hashes bytes piece by piece.
class Blake2b {
 public:
  Blake2b();
  Blake2b(Blake2b&&) noexcept;
  Blake2b& operator=(Blake2b&&) noexcept;
  ~Blake2b();

  void add(std::string_view bytes);
  // The hash of all bytes so far; more may follow. Fault::internal where OpenSSL failed.
  Result<Hash> so_far() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<Hash> blake2b(std::string_view bytes);
// Fault::io and Fault::permission where the file cannot be read.
Result<Hash> blake2b_of_file(const std::filesystem::path& path);

}  // namespace starttls::minisign
