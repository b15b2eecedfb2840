// Verifies the signature of a file and of its trusted comment.
//
// Three conditions must hold: the signature has the key id of a known key, the signature fits the file, and
// the global signature fits the trusted comment. Ed25519 and BLAKE2b come from OpenSSL.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "minisign/blake2b.h"
#include "minisign/key.h"
#include "minisign/signature.h"

namespace starttls::minisign {

// Bytes of a file with a legacy signature: it is verified with the whole file in memory.
inline constexpr std::size_t legacy_file_size_limit = std::size_t{512} << 20U;

// Whether legacy signatures ("Ed") are accepted. They are the older form, and a signer can be tricked into
// signing what looks like a hash. No signature that is made today needs them.
enum class Legacy { refuse, allow };

struct Verified {
  KeyId key_id{};
  Algorithm algorithm = Algorithm::prehashed;
  std::string trusted_comment;  // signed, but any bytes except LF: use printable() before showing it
  Hash content{};               // of the whole file
};

// Verifies bytes that come piece by piece. Do not use them before finish() has succeeded; VerifiedFile
// (verified_file.h) takes care of that.
class Verification {
 public:
  // `name` is the file's, for the sentence of an error, which is always Fault::data. Nothing needs to be read
  // where the signature is by no known key, or of a kind that is refused: that is the error here.
  static Result<Verification> begin(std::string_view name, const Signature& signature,
                                    std::span<const PublicKey> keys, Legacy legacy);
  Verification(Verification&&) noexcept;
  Verification& operator=(Verification&&) noexcept;
  ~Verification();

  void add(std::string_view piece);
  // The hash of all bytes so far.
  Result<Hash> hash_so_far() const;
  Result<Verified> finish();

 private:
  struct State;
  explicit Verification(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Verifies bytes in memory.
Result<Verified> verify(std::string_view name, std::string_view content, const Signature& signature,
                        std::span<const PublicKey> keys, Legacy legacy);

// Verifies a file of which only the hash is known, such as one that another key has signed, too. A legacy signature is
// refused: it signs the file itself.
Result<Verified> verify_hash(std::string_view name, const Hash& content, const Signature& signature,
                             std::span<const PublicKey> keys);

// Verifies a file of any size, which is read once, piece by piece. Who uses the file's content afterwards
// must not read it a second time: it may have changed. Fault::io and Fault::permission where it cannot be
// read.
Result<Verified> verify_file(const std::filesystem::path& path, const Signature& signature,
                             std::span<const PublicKey> keys, Legacy legacy,
                             FileKind kind = FileKind::regular);

}  // namespace starttls::minisign
