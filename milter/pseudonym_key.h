// A pseudonym replaces a client's address that is not written completely: the same for the same address, and
// of no use without the key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::milter {

class PseudonymKey {
 public:
  // The key of the state directory, in its file "pseudonym-key", which is created where it is missing or
  // damaged. A key that cannot be written there is used until the process exits, which is logged.
  static Result<PseudonymKey> load(const std::filesystem::path& state_dir);

  explicit PseudonymKey(std::string key) : key_(std::move(key)) {}

  // 16 hexadecimal digits: the begin of the HMAC-SHA-256 (RFC 2104) of the address.
  std::string pseudonym(std::string_view address) const;

 private:
  std::string key_;
};

}  // namespace starttls::milter
