// Detached OpenPGP signatures, verified by gpgv(1), as the STARTTLS-Everywhere list was signed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "openpgp/status.h"

namespace starttls::openpgp {

// A signature's file larger than this is none, in bytes.
inline constexpr std::size_t signature_size_limit = std::size_t{1} << 16U;

// Whether the signature (binary or armoured, one signature) fits the file and was made with a key of the key
// file (binary or armoured; every key in it counts). MD5, SHA-1 and RIPEMD-160 are refused, in the signature
// and in what the keys sign about themselves, and so are DSA and short RSA keys (public_keys.h). The user's
// ~/.gnupg is neither read nor written.
//
// `file` is read here by another program and by the caller afterwards: it must be a private copy that nobody
// else can write, or what is used is not what was verified. `scratch` is the folder in which a private folder
// is made for as long as this takes; "" means TMPDIR. `gpgv` is the program (see find_program()). `shown` is
// how the verdict names the file; "": by its path.
//
// Fault::data where the signature is proven not to be good, and only there. Whatever keeps it from being
// checked is another fault: Fault::config where the key file holds no keys, Fault::unavailable where gpgv is
// missing or gives no verdict, Fault::io and Fault::permission where a file cannot be read,
// Fault::cannot_create and Fault::io where nothing can be written in `scratch`, Fault::temporary where gpgv
// did not end within a minute.
Result<Verified> verify_file(const std::filesystem::path& file, const std::filesystem::path& signature_file,
                             const std::filesystem::path& key_file, const std::filesystem::path& scratch = {},
                             const std::string& gpgv = "gpgv", const std::string& shown = {});

}  // namespace starttls::openpgp
