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
#include "base/try.h"

namespace starttls::milter {
namespace {

constexpr std::size_t key_size = 32;  // bytes
constexpr std::size_t pseudonym_digits = 16;

Result<std::string> new_key() {
  std::string key(key_size, '\0');
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return fail(Fault::unavailable, "getrandom: {}", errno_text(errno));
  return key;
}

// Warns of a new key, unless this is the first one. Waiting records with pseudonyms of the old key cannot be
// joined any more.
void warn_of_new_key(const std::filesystem::path& file, const Result<std::string>& kept) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  const std::string fault = kept ? printable(file.string()) + ": damaged" : kept.error().message;
  log_warning(
      "{}; a new key is created, and sessions that wait to be joined with the log are counted without it",
      fault);
}

}  // namespace

Result<PseudonymKey> PseudonymKey::load(const std::filesystem::path& state_dir) {
  const std::filesystem::path file = state_dir / "pseudonym-key";
  const auto kept = read_file(file, key_size);
  if (kept && kept->size() == key_size) return PseudonymKey(*kept);
  warn_of_new_key(file, kept);
  auto key = TRY(new_key());
  std::error_code ignored;
  std::filesystem::create_directories(state_dir, ignored);
  if (auto written = replace_file(file, key, 0600); !written) {
    log_warning("{}; sessions before a restart will not be joined with the log", written.error().message);
  }
  return PseudonymKey(std::move(key));
}

std::string PseudonymKey::pseudonym(std::string_view address) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(address.data()), address.size(), digest.data(), &size);
  std::string text;
  for (std::size_t i = 0; i < pseudonym_digits / 2; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace starttls::milter
