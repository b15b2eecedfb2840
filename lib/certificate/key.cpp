#include "certificate/key.h"

#include <openssl/err.h>

#include "certificate/openssl.h"

namespace starttls::certificate {
namespace {

PublicKey public_half(EVP_PKEY& key) {
  PublicKey read = describe_key(key);
  read.der = to_der<const EVP_PKEY>(&::i2d_PUBKEY, &key);
  ::ERR_clear_error();
  return read;
}

}  // namespace

Result<PublicKey> read_private_key(std::string_view text) {
  if (text.size() > max_key_size)
    return fail(Fault::data, "more than {} bytes: not a private key", max_key_size);
  const BioPtr bio = read_only_bio(text);
  bool needs_passphrase = false;
  ::ERR_clear_error();
  const KeyPtr key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, &refuse_passphrase, &needs_passphrase));
  if (needs_passphrase) {
    ::ERR_clear_error();
    return fail(Fault::data,
                "the private key is encrypted with a passphrase; \"openssl pkey -in FILE -pubout\" "
                "asks for it and prints the public key");
  }
  if (!key) {
    ::ERR_clear_error();
    return fail(Fault::data, "holds no private key in PEM");
  }
  PublicKey read = public_half(*key);
  if (read.der.empty()) return fail(Fault::data, "the private key has no public half");
  return read;
}

Result<PublicKey> read_public_key(std::string_view text) {
  if (text.size() > max_key_size)
    return fail(Fault::data, "more than {} bytes: not a public key", max_key_size);
  const BioPtr bio = read_only_bio(text);
  const KeyPtr key(::PEM_read_bio_PUBKEY(bio.get(), nullptr, &refuse_passphrase, nullptr));
  ::ERR_clear_error();
  if (!key) return fail(Fault::data, "holds no public key in PEM");
  return public_half(*key);
}

bool belongs_to(const PublicKey& key, const Certificate& certificate) {
  return !key.der.empty() && key.der == certificate.public_key;
}

}  // namespace starttls::certificate
