// Signature files of minisign (https://jedisct1.github.io/minisign/, "Signature format").
//
// Four lines: an untrusted comment; base64 of algorithm, key id and the signature of the file; a trusted
// comment; base64 of a second, "global" signature over the first one and the trusted comment.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "minisign/key.h"

namespace starttls::minisign {

// A larger file is no signature file, in bytes.
inline constexpr std::size_t signature_size_limit = 16384;
// The longest trusted comment, in bytes, without its prefix; as in minisign.
inline constexpr std::size_t trusted_comment_limit = 8192;

// What the first signature signs: the BLAKE2b-512 hash of the file (prehashed, "ED", minisign's form since
// 2020), or the file itself (legacy, "Ed").
enum class Algorithm { prehashed, legacy };

using SignatureBytes = std::array<unsigned char, 64>;  // Ed25519

struct Signature {
  Algorithm algorithm = Algorithm::prehashed;
  KeyId key_id{};
  SignatureBytes signature{};
  SignatureBytes global_signature{};
  std::string untrusted_comment;
  std::string trusted_comment;  // as it was signed: any bytes but LF; use printable() before showing it
};

// Reads exactly these four lines, ended by LF or CRLF (the last end may be missing), with nothing after them.
// Fault::data with the reason. This verifies nothing: see verify.h.
Result<Signature> parse_signature(std::string_view content);

// The name that a trusted comment gives the file: what follows "file:" (minisign, rsign2) or "filename:" (the
// minisign of Go) at the beginning of a field. Fields end at a tab, as minisign writes them, or, in a comment
// without tabs, at a blank. Nothing where no field is one of these. Fault::data where more than one is.
Result<std::optional<std::string>> signed_file_name(std::string_view trusted_comment);

}  // namespace starttls::minisign
