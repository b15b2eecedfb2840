#include "milter/pseudonym_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>
#include <cerrno>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

constexpr std::size_t key_size = 32;  // bytes
constexpr std::size_t digits = 16;

Result<std::string> new_key() {
  std::string key(key_size, '\0');
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return fail(Fault::unavailable, "getrandom: {}", errno_text(errno));
  return key;
}

// That there is none yet is no matter. With another key, what waits for its partner under the old one will
// not find it.
void warn_of_new_key(const std::filesystem::path& file, const Result<std::string>& kept) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  const std::string fault = kept ? printable(file.string()) + ": damaged" : kept.error().message;
  log_warning("{}; a new key is made, and what waits to be joined with the log stays alone", fault);
}

}  // namespace

Result<PseudonymKey> PseudonymKey::of(const std::filesystem::path& state_dir) {
  const std::filesystem::path file = state_dir / "join-key";
  const auto kept = read_file(file, key_size);
  if (kept && kept->size() == key_size) return PseudonymKey(*kept);
  warn_of_new_key(file, kept);
  auto key = new_key();
  if (!key) return std::unexpected(key.error());
  std::error_code ignored;
  std::filesystem::create_directories(state_dir, ignored);
  if (auto written = replace_file(file, *key, 0600); !written) {
    log_warning("{}; sessions of before a restart will not be joined with the log", written.error().message);
  }
  return PseudonymKey(std::move(*key));
}

std::string PseudonymKey::pseudonym(std::string_view address) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(address.data()), address.size(), digest.data(), &size);
  std::string text;
  for (std::size_t i = 0; i < digits / 2; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace starttls::milter
