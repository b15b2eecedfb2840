// Public keys as people publish them: binary, or in ASCII armour (RFC 9580 section 6.2, RFC 4880
// section 6.2).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::openpgp {

// A key file larger than this is none, in bytes; keys gather other people's signatures.
inline constexpr std::size_t key_file_size_limit = std::size_t{1} << 20U;

// The binary keyring in a key file, as gpgv of GnuPG 2.2 needs it. Text around the one armoured block is
// passed over. The checksum is not looked at: RFC 9580 section 6.1 forbids to refuse anything for it.
// Fault::data says what is wrong; whether the bytes are sound keys is for gpgv to find out.
Result<std::string> keyring(std::string_view content);

}  // namespace starttls::openpgp
