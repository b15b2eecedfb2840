// Stands for a client's address where that is not written whole: the same for the same address, and of no use
// to who does not have the key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::milter {

class PseudonymKey {
 public:
  // The key of the state directory, in its file "join-key", made where it is missing or damaged. Where it
  // cannot be kept there it serves until the process ends, which is told in the log.
  static Result<PseudonymKey> of(const std::filesystem::path& state_dir);

  explicit PseudonymKey(std::string key) : key_(std::move(key)) {}

  // 16 hexadecimal digits: the front of the HMAC-SHA-256 (RFC 2104) of the address.
  std::string pseudonym(std::string_view address) const;

 private:
  std::string key_;
};

}  // namespace starttls::milter
