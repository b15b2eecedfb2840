#include "minisign/verify.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "minisign/encoding.h"

namespace starttls::minisign {
namespace {

using Hash = std::array<unsigned char, 64>;  // BLAKE2b-512
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

std::unexpected<Error> cannot_read(const std::filesystem::path& path, int error) {
  return fail(error == EACCES || error == EPERM ? Fault::permission : Fault::io, "{}: {}",
              printable(path.string()), errno_text(error));
}

Context new_context() {
  return {::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::unexpected<Error> openssl_failed(std::string_view what) {
  ::ERR_clear_error();
  return fail(Fault::internal, "OpenSSL cannot {}", what);
}

// BLAKE2b-512, fed piece by piece.
class Hasher {
 public:
  bool begin() { return context_ && ::EVP_DigestInit_ex(context_.get(), ::EVP_blake2b512(), nullptr) == 1; }
  bool add(Bytes bytes) { return ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1; }
  bool finish(Hash& hash) { return ::EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1; }

 private:
  Context context_ = new_context();
};

bool fits(const PublicKey& key, const SignatureBytes& signature, Bytes message) {
  const Key pkey(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.key.data(), key.key.size()),
                 &::EVP_PKEY_free);
  const Context context = new_context();
  const bool good =
      pkey && context && ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
      ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) ==
          1;
  ::ERR_clear_error();
  return good;
}

// Gives the bytes that were signed piece by piece, and an empty piece at their end.
using Pieces = std::function<Result<Bytes>()>;

Result<Hash> hash_of(const Pieces& next) {
  Hasher hasher;
  bool sound = hasher.begin();
  while (sound) {
    const auto piece = next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    sound = hasher.add(*piece);
  }
  Hash hash{};
  if (!sound || !hasher.finish(hash)) return openssl_failed("hash with BLAKE2b");
  return hash;
}

// Reads a file once, from its beginning to its end.
class FilePieces {
 public:
  explicit FilePieces(std::filesystem::path path) : path_(std::move(path)) {}

  Result<Bytes> next() {
    if (!fd_) fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd_) return cannot_read(path_, errno);
    for (;;) {
      const ssize_t got = ::read(fd_.get(), piece_.data(), piece_.size());
      if (got >= 0) return Bytes(piece_).first(static_cast<std::size_t>(got));
      if (errno != EINTR) return cannot_read(path_, errno);
    }
  }

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  std::vector<unsigned char> piece_ = std::vector<unsigned char>(std::size_t{1} << 18U);
};

// The known keys that bear the signature's id; at least one, or the error.
Result<std::vector<PublicKey>> candidates(std::string_view name, const Signature& signature,
                                          std::span<const PublicKey> keys) {
  std::vector<PublicKey> found;
  std::string known;
  for (const PublicKey& key : keys) {
    if (key.id == signature.key_id) found.push_back(key);
    known += (known.empty() ? "" : ", ") + to_text(key.id);
  }
  if (!found.empty()) return found;
  return fail(Fault::data, "{}: signed with key {}, which is none of the known keys ({})", printable(name),
              to_text(signature.key_id), known.empty() ? "there are none" : known);
}

// The last two steps, which are the same for both algorithms.
Result<Verified> check(std::string_view name, Bytes message, const Signature& signature,
                       std::span<const PublicKey> keys) {
  const auto key = std::ranges::find_if(
      keys, [&](const PublicKey& candidate) { return fits(candidate, signature.signature, message); });
  if (key == keys.end()) {
    return fail(Fault::data,
                "{}: the signature by key {} does not fit: the file is not what was signed, or somebody "
                "else signed it",
                printable(name), to_text(signature.key_id));
  }
  std::vector<unsigned char> signed_comment(signature.signature.begin(), signature.signature.end());
  const Bytes comment = bytes_of(signature.trusted_comment);
  signed_comment.insert(signed_comment.end(), comment.begin(), comment.end());
  if (!fits(*key, signature.global_signature, signed_comment)) {
    return fail(Fault::data, "{}: the trusted comment is not the one that was signed by key {}",
                printable(name), to_text(signature.key_id));
  }
  return Verified{.key_id = signature.key_id,
                  .algorithm = signature.algorithm,
                  .trusted_comment = signature.trusted_comment};
}

Result<void> permitted(std::string_view name, const Signature& signature, Legacy legacy) {
  if (signature.algorithm == Algorithm::prehashed || legacy == Legacy::allow) return {};
  return fail(Fault::data, "{}: the signature is of the legacy kind (not prehashed), which is refused",
              printable(name));
}

// What was signed, wherever it lies: in pieces for the hash, whole for the legacy algorithm.
struct Subject {
  std::string name;
  Pieces next;
  std::function<Result<std::string_view>()> whole;
};

Result<Verified> verify_subject(const Subject& subject, const Signature& signature,
                                std::span<const PublicKey> keys, Legacy legacy) {
  const auto known = candidates(subject.name, signature, keys);
  if (!known) return std::unexpected(known.error());
  if (const auto may = permitted(subject.name, signature, legacy); !may) return std::unexpected(may.error());
  if (signature.algorithm == Algorithm::legacy) {
    const auto content = subject.whole();
    if (!content) return std::unexpected(content.error());
    return check(subject.name, bytes_of(*content), signature, *known);
  }
  const auto hash = hash_of(subject.next);
  if (!hash) return std::unexpected(hash.error());
  return check(subject.name, *hash, signature, *known);
}

}  // namespace

Result<Verified> verify(std::string_view name, std::string_view content, const Signature& signature,
                        std::span<const PublicKey> keys, Legacy legacy) {
  std::string_view rest = content;
  return verify_subject({.name = std::string(name),
                         .next = [&]() -> Result<Bytes> { return bytes_of(std::exchange(rest, {})); },
                         .whole = [&]() -> Result<std::string_view> { return content; }},
                        signature, keys, legacy);
}

Result<Verified> verify_file(const std::filesystem::path& path, const Signature& signature,
                             std::span<const PublicKey> keys, Legacy legacy) {
  FilePieces pieces(path);
  Result<std::string> content;
  const auto whole = [&]() -> Result<std::string_view> {
    content = read_file(path, legacy_file_size_limit);
    if (!content) return std::unexpected(content.error());
    return *content;
  };
  return verify_subject({.name = path.string(), .next = [&] { return pieces.next(); }, .whole = whole},
                        signature, keys, legacy);
}

}  // namespace starttls::minisign
