// Signature files of minisign (https://jedisct1.github.io/minisign/, "Signature format").
//
// Four lines: an untrusted comment; base64 of algorithm, key id and the signature of the file; a trusted
// comment; base64 of a second, "global" signature over the first one and the trusted comment.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "minisign/key.h"

namespace starttls::minisign {

// A signature file larger than this is none.
inline constexpr std::size_t signature_size_limit = 16384;
// The longest trusted comment, in bytes, without its prefix; as in minisign.
inline constexpr std::size_t trusted_comment_limit = 8192;

// What the first signature signs: the BLAKE2b-512 hash of the file (prehashed, "ED", what minisign makes
// since 2020), or the file itself (legacy, "Ed").
enum class Algorithm { prehashed, legacy };

using SignatureBytes = std::array<unsigned char, 64>;  // Ed25519

struct Signature {
  Algorithm algorithm = Algorithm::prehashed;
  KeyId key_id{};
  SignatureBytes signature{};
  SignatureBytes global_signature{};
  std::string untrusted_comment;
  std::string trusted_comment;  // as it was signed: any bytes but LF; escape before showing
};

// Strict: exactly these four lines, ended by LF or CRLF (the last end may be missing), nothing after them.
// Fault::data says what is wrong. Says nothing about who signed: see verify.h.
Result<Signature> parse_signature(std::string_view content);

}  // namespace starttls::minisign
