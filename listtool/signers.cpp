#include "listtool/signers.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace starttls::listtool {
namespace {

std::size_t required_of(const ListSettings& settings, const keyring::Keyring* keyring) {
  return std::max(settings.signatures, keyring == nullptr ? 1 : keyring->threshold);
}

}  // namespace

Signers current_signers(const ListSettings& settings, const keyring::Keyring* keyring, Time now) {
  if (settings.root_keys.empty()) return {.keys = settings.keys, .required = settings.signatures};
  Signers signers{.keys = {}, .required = required_of(settings, keyring)};
  if (keyring != nullptr) signers.keys = keyring::valid_keys(*keyring, now);
  return signers;
}

Signers signers_of_installed(const ListSettings& settings, const keyring::Keyring* keyring) {
  if (settings.root_keys.empty()) return {.keys = settings.keys, .required = settings.signatures};
  Signers signers{.keys = {}, .required = required_of(settings, keyring)};
  if (keyring == nullptr) return signers;
  for (const keyring::SigningKey& each : keyring->signing) signers.keys.push_back(each.key);
  return signers;
}

Signers signers_of_installed(const ListSettings& settings, const Edition& edition) {
  return signers_of_installed(settings, keyring_of(edition));
}

std::string key_name(const minisign::KeyId& key) {
  return "key " + minisign::to_string(key);
}

bool have_signed(const Signers& signers, const std::string& signed_by) {
  const auto known = [&](const std::string& name) {
    return std::ranges::any_of(signers.keys, [&](const auto& key) { return key_name(key.id) == name; });
  };
  return std::cmp_greater_equal(std::ranges::count_if(split_signers(signed_by), known), signers.required);
}

std::string roots_text(const ListSettings& settings) {
  std::vector<std::string> keys;
  keys.reserve(settings.root_keys.size());
  for (const minisign::PublicKey& key : settings.root_keys) keys.push_back(minisign::to_base64(key));
  std::ranges::sort(keys);
  return keys.empty() ? "" : fmt::format("{} of {}", settings.threshold, fmt::join(keys, ", "));
}

const keyring::Keyring* keyring_of(const Edition& edition) {
  return edition.keyring ? &edition.keyring->keyring : nullptr;
}

}  // namespace starttls::listtool
