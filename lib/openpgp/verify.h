// Detached OpenPGP signatures, verified by gpgv(1), as the STARTTLS-Everywhere list was signed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "openpgp/status.h"

namespace starttls::openpgp {

// A larger file is no signature, in bytes.
inline constexpr std::size_t signature_size_limit = std::size_t{1} << 16U;

// Verifies that the signature (binary or armoured, one signature) fits the file and was made with a key in
// the key file (binary or armoured; every key in it counts). MD5, SHA-1 and RIPEMD-160 are refused, in the
// signature and in the self-signatures of the keys, and so are DSA and short RSA keys (public_keys.h). The
// user's ~/.gnupg is neither read nor written.
//
// `file` is read by gpgv and then by the caller: it must be a private copy that nobody else can write. Else
// what is used may not be what was verified. `scratch` is the directory for a temporary private directory;
// "" means TMPDIR. `gpgv` is the program (see find_program()). `shown` is the file's name in messages; "":
// its path.
//
// Fault::data only where the signature is proven not to be good. Other faults where it cannot be verified:
// Fault::config where the key file holds no keys, Fault::unavailable where gpgv is missing or gives no
// result, Fault::io and Fault::permission where a file cannot be read, Fault::cannot_create and Fault::io
// where nothing can be written in `scratch`, Fault::temporary where gpgv did not end within a minute.
Result<Verified> verify_file(const std::filesystem::path& file, const std::filesystem::path& signature_file,
                             const std::filesystem::path& key_file, const std::filesystem::path& scratch = {},
                             const std::string& gpgv = "gpgv", const std::string& shown = {});

}  // namespace starttls::openpgp
