#include "listtool/publish/key_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/publish/publisher.h"
#include "minisign/verify.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;

const keyring::Keyring* newest_keyring(const KeyVersions& versions) {
  return versions.newest() == nullptr ? nullptr : &versions.newest()->keyring;
}

// The root keys that may sign a version: its own, and those of the version before. Each once.
std::vector<minisign::PublicKey> root_keys(const keyring::Keyring& keyring, const keyring::Keyring* before) {
  std::vector<minisign::PublicKey> keys = keyring.root.keys;
  if (before == nullptr) return keys;
  std::ranges::copy_if(before->root.keys, std::back_inserter(keys),
                       [&keyring](const minisign::PublicKey& key) {
                         return std::ranges::find(keyring.root.keys, key) == keyring.root.keys.end();
                       });
  return keys;
}

struct SignedText {
  std::string text;
  std::vector<minisign::Signature> signatures;
};

// Reads one version; the signatures that do not fit are left out.
Result<KeyVersion> read_version(const fs::path& file, const keyring::Keyring* before, SignedText& found) {
  found.text = TRY(read_file(file, keyring::max_keyring_size));
  KeyVersion version{
      .keyring = TRY(with_context(keyring::parse_keyring(found.text), "{}", printable(file.string()))),
      .file = file};
  for (const minisign::PublicKey& key : root_keys(version.keyring, before)) {
    fs::path signature_path = signature_file(file.string(), key.id);
    if (std::error_code none; !fs::exists(signature_path, none)) continue;
    const std::string content = TRY(read_file(signature_path, minisign::signature_size_limit));
    auto signature = minisign::parse_signature(content);
    const std::array keys{key};
    if (!signature ||
        !minisign::verify(file.string(), found.text, *signature, keys, minisign::Legacy::refuse))
      continue;
    found.signatures.push_back(std::move(*signature));
    version.signatures.push_back(std::move(signature_path));
    version.signed_by.push_back(key.id);
  }
  return version;
}

}  // namespace

std::string key_file(std::uint64_t version) {
  return fmt::format("keys.{}.json", version);
}

std::string signature_file(const std::string& file, const minisign::KeyId& key) {
  return fmt::format("{}.{}.minisig", file, minisign::to_string(key));
}

Result<KeyVersions> read_key_versions(const Layout& layout, const std::string& list) {
  KeyVersions versions;
  for (std::uint64_t number = 1; number <= keyring::max_version; ++number) {
    const fs::path file = layout.keys() / key_file(number);
    if (std::error_code none; !fs::exists(file, none)) break;
    const keyring::Keyring* const before = newest_keyring(versions);
    SignedText found;
    KeyVersion version = TRY(read_version(file, before, found));
    const auto accepted =
        before == nullptr ? keyring::accept_first(found.text, found.signatures, list, version.keyring.root)
                          : keyring::accept_next(*before, found.text, found.signatures);
    if (!accepted) {
      // A consumer has configured root keys; the publisher's first version names them.
      const auto own = keyring::verify(found.text, found.signatures, version.keyring.root);
      version.unsigned_because = before == nullptr && !own ? own.error() : accepted.error();
      versions.draft = std::move(version);
      break;
    }
    versions.accepted.push_back(std::move(version));
  }
  return versions;
}

std::vector<std::string> duties(const Context& context, const KeyVersions& versions) {
  constexpr std::chrono::days min_keyring_left{30};
  constexpr std::chrono::days min_key_left{14};
  const Time now = context.now;
  if (versions.newest() == nullptr)
    return {fmt::format("there is no signed keys.json: '{}'", command_line(context, "keys init"))};
  const keyring::Keyring& keyring = versions.newest()->keyring;
  std::vector<std::string> duties;
  if (const auto usable = keyring::check_usable(keyring, now); !usable) {
    duties.push_back(usable.error().message);
  } else if (keyring.expires - now < min_keyring_left) {
    duties.push_back(fmt::format("keys.json expires on {}: '{}'", to_string(to_day(keyring.expires)),
                                 command_line(context, "keys rotate")));
  }
  const std::string rotate = command_line(context, "keys rotate --online KEY");
  if (keyring::valid_keys(keyring, now).size() < keyring.threshold) {
    duties.push_back(fmt::format("too few online keys are valid: '{}'", rotate));
  } else if (keyring::valid_keys(keyring, now + min_key_left).size() < keyring.threshold) {
    duties.push_back(
        fmt::format("in {} days too few online keys are valid: '{}'", min_key_left.count(), rotate));
  }
  return duties;
}

Result<void> add_signature(const KeyVersions& versions, const fs::path& signature) {
  const KeyVersion& draft = *versions.draft;
  const std::string content = TRY(read_file(signature, minisign::signature_size_limit));
  const auto parsed =
      TRY(with_context(minisign::parse_signature(content), "{}", printable(signature.string())));
  const std::string text = TRY(read_file(draft.file, keyring::max_keyring_size));
  const std::vector<minisign::PublicKey> roots = root_keys(draft.keyring, newest_keyring(versions));
  TRY(with_context(
      minisign::verify(draft.file.filename().string(), text, parsed, roots, minisign::Legacy::refuse), "{}",
      printable(signature.string())));
  return replace_file(signature_file(draft.file.string(), parsed.key_id), content);
}

Result<fs::path> write_draft(const Layout& layout, const keyring::Keyring& keyring) {
  fs::path file = layout.keys() / key_file(keyring.version);
  TRY(replace_file(file, keyring::to_json(keyring)));
  return file;
}

}  // namespace starttls::listtool::publish
