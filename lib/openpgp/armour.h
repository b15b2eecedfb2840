// Public keys as their owners publish them: binary, or in ASCII armour (RFC 9580 section 6.2, RFC 4880
// section 6.2).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::openpgp {

// A larger file is no key file, in bytes. A key collects signatures by other keys.
inline constexpr std::size_t key_file_size_limit = std::size_t{1} << 20U;

// The binary keyring in a key file, as gpgv of GnuPG 2.2 needs it. Text around the one armoured block is
// ignored. The checksum is ignored: RFC 9580 section 6.1 forbids to reject anything because of it.
// Fault::data with the reason. gpgv checks whether the bytes are valid keys.
Result<std::string> keyring(std::string_view content);

}  // namespace starttls::openpgp
