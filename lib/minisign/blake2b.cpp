#include "minisign/blake2b.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <limits>
#include <vector>

#include "base/file.h"
#include "base/try.h"

namespace starttls::minisign {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;

Context new_context() {
  return {::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
}

}  // namespace

struct Blake2b::State {
  Context context = new_context();
  bool sound = context && ::EVP_DigestInit_ex(context.get(), ::EVP_blake2b512(), nullptr) == 1;
};

Blake2b::Blake2b() : state_(std::make_unique<State>()) {}
Blake2b::Blake2b(Blake2b&&) noexcept = default;
Blake2b& Blake2b::operator=(Blake2b&&) noexcept = default;
Blake2b::~Blake2b() = default;

void Blake2b::add(std::string_view bytes) {
  state_->sound = state_->sound && ::EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1;
}

Result<Hash> Blake2b::so_far() const {
  Hash hash{};
  const Context copy = new_context();
  if (state_->sound && copy && ::EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()) == 1 &&
      ::EVP_DigestFinal_ex(copy.get(), hash.data(), nullptr) == 1) {
    return hash;
  }
  ::ERR_clear_error();
  return fail(Fault::internal, "OpenSSL cannot hash with BLAKE2b");
}

std::optional<Hash> parse_hash(std::string_view hex) {
  constexpr std::string_view digits = "0123456789abcdef";
  Hash hash{};
  if (hex.size() != 2 * hash.size() || hex.find_first_not_of(digits) != std::string_view::npos)
    return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i)
    hash[i] = static_cast<unsigned char>(16 * digits.find(hex[2 * i]) + digits.find(hex[2 * i + 1]));
  return hash;
}

std::string to_hex(const Hash& hash) {
  std::string text;
  text.reserve(2 * hash.size());
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

Result<Hash> blake2b(std::string_view bytes) {
  Blake2b hash;
  hash.add(bytes);
  return hash.so_far();
}

Result<Hash> blake2b_of_file(const std::filesystem::path& path) {
  const auto fd = TRY(open_file(path, std::numeric_limits<std::size_t>::max()));
  Blake2b hash;
  std::vector<char> piece(std::size_t{1} << 18U);
  for (;;) {
    const auto size = TRY(read_some(fd.get(), piece, path.string()));
    if (size == 0) return hash.so_far();
    hash.add({piece.data(), size});
  }
}

}  // namespace starttls::minisign
