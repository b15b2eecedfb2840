#include "minisign/verify.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "minisign/encoding.h"

namespace starttls::minisign {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

Context new_context() {
  return {::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
}

Bytes byte_reader(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

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

// The known keys with the signature's id; at least one, or the error.
Result<std::vector<PublicKey>> candidates(std::string_view name, const Signature& signature,
                                          std::span<const PublicKey> keys) {
  std::vector<PublicKey> found;
  std::string known;
  for (const PublicKey& key : keys) {
    if (key.id == signature.key_id) found.push_back(key);
    known += (known.empty() ? "" : ", ") + to_string(key.id);
  }
  if (!found.empty()) return found;
  return fail(Fault::data, "{}: signed with key {}, which is none of the known keys ({})", printable(name),
              to_string(signature.key_id), known.empty() ? "there are none" : known);
}

// The last two steps, which are the same for both algorithms.
Result<Verified> check(std::string_view name, Bytes message, const Hash& content, const Signature& signature,
                       std::span<const PublicKey> keys) {
  const auto key = std::ranges::find_if(
      keys, [&](const PublicKey& candidate) { return fits(candidate, signature.signature, message); });
  if (key == keys.end()) {
    return fail(Fault::data,
                "{}: the signature by key {} does not fit: the file is not what was signed, or somebody "
                "else signed it",
                printable(name), to_string(signature.key_id));
  }
  std::vector<unsigned char> signed_comment(signature.signature.begin(), signature.signature.end());
  const Bytes comment = byte_reader(signature.trusted_comment);
  signed_comment.insert(signed_comment.end(), comment.begin(), comment.end());
  if (!fits(*key, signature.global_signature, signed_comment)) {
    return fail(Fault::data, "{}: the trusted comment is not the one that was signed by key {}",
                printable(name), to_string(signature.key_id));
  }
  return Verified{.key_id = signature.key_id,
                  .algorithm = signature.algorithm,
                  .trusted_comment = signature.trusted_comment,
                  .content = content};
}

Result<void> permitted(std::string_view name, const Signature& signature, Legacy legacy) {
  if (signature.algorithm == Algorithm::prehashed || legacy == Legacy::allow) return {};
  return fail(Fault::data, "{}: the signature is of the legacy kind (not prehashed), which is refused",
              printable(name));
}

}  // namespace

struct Verification::State {
  std::string name;
  Signature signature;
  std::vector<PublicKey> keys;  // with the signature's id
  Blake2b hasher;
  std::string whole;  // the content that a legacy signature signs
  bool too_large = false;
};

Verification::Verification(std::unique_ptr<State> state) : state_(std::move(state)) {}
Verification::Verification(Verification&&) noexcept = default;
Verification& Verification::operator=(Verification&&) noexcept = default;
Verification::~Verification() = default;

Result<Verification> Verification::begin(std::string_view name, const Signature& signature,
                                         std::span<const PublicKey> keys, Legacy legacy) {
  auto known = TRY(candidates(name, signature, keys));
  TRY(permitted(name, signature, legacy));
  auto state = std::make_unique<State>();
  state->name = name;
  state->signature = signature;
  state->keys = std::move(known);
  return Verification(std::move(state));
}

void Verification::add(std::string_view piece) {
  state_->hasher.add(piece);
  if (state_->signature.algorithm == Algorithm::prehashed) return;
  if (state_->whole.size() + piece.size() <= legacy_file_size_limit) {
    state_->whole += piece;
  } else {
    state_->too_large = true;
  }
}

Result<Hash> Verification::hash_so_far() const {
  return state_->hasher.so_far();
}

Result<Verified> Verification::finish() {
  State& state = *state_;
  if (state.too_large) {
    return fail(Fault::data, "{}: larger than the limit of {} bytes for a legacy signature",
                printable(state.name), legacy_file_size_limit);
  }
  const auto hash = TRY(state.hasher.so_far());
  const Bytes message =
      state.signature.algorithm == Algorithm::legacy ? byte_reader(state.whole) : Bytes(hash);
  return check(state.name, message, hash, state.signature, state.keys);
}

Result<Verified> verify(std::string_view name, std::string_view content, const Signature& signature,
                        std::span<const PublicKey> keys, Legacy legacy) {
  auto verification = TRY(Verification::begin(name, signature, keys, legacy));
  verification.add(content);
  return verification.finish();
}

Result<Verified> verify_hash(std::string_view name, const Hash& content, const Signature& signature,
                             std::span<const PublicKey> keys) {
  const auto known = TRY(candidates(name, signature, keys));
  TRY(permitted(name, signature, Legacy::refuse));
  return check(name, content, content, signature, known);
}

Result<Verified> verify_file(const std::filesystem::path& path, const Signature& signature,
                             std::span<const PublicKey> keys, Legacy legacy, FileKind kind) {
  auto verification = TRY(Verification::begin(path.string(), signature, keys, legacy));
  const bool whole = signature.algorithm == Algorithm::legacy;
  const std::size_t limit = whole ? legacy_file_size_limit : std::numeric_limits<std::size_t>::max();
  const auto fd = TRY(open_file(path, limit, kind));
  std::vector<char> piece(std::size_t{1} << 18U);
  for (;;) {
    const auto size = TRY(read_some(fd.get(), piece, path.string()));
    if (size == 0) return verification.finish();
    verification.add({piece.data(), size});
  }
}

}  // namespace starttls::minisign
