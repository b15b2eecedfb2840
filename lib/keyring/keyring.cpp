#include "keyring/keyring.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "keyring/keyring_handler.h"
#include "minisign/verify.h"

namespace starttls::keyring {
namespace {

constexpr std::string_view file_name = "keys.json";

// How many different ones of the keys have signed the text.
std::size_t count_signers(std::string_view text, std::span<const minisign::Signature> signatures,
                          std::span<const minisign::PublicKey> keys) {
  std::set<decltype(minisign::PublicKey::key)> signers;
  for (const minisign::PublicKey& key : keys) {
    for (const minisign::Signature& signature : signatures) {
      if (minisign::verify(file_name, text, signature, {&key, 1}, minisign::Legacy::refuse))
        signers.insert(key.key);
    }
  }
  return signers.size();
}

// See verify(); the error says whose keys they are.
Result<void> verify_by(const Roots& roots, const std::string& whose, std::string_view text,
                       std::span<const minisign::Signature> signatures) {
  auto verified = verify(text, signatures, roots);
  if (!verified) verified.error().message = fmt::format("{}: {}", whose, verified.error().message);
  return verified;
}

// What other root keys have signed: of this list, and signed by its own root keys, too.
Result<Keyring> parse_signed(std::string_view text, std::span<const minisign::Signature> signatures,
                             std::string_view list) {
  Keyring keyring = TRY(parse_keyring(text));
  if (keyring.list != list)
    return fail(Fault::data, "it is of the list '{}', not '{}'", printable(keyring.list), printable(list));
  TRY(verify_by(keyring.root, "its own root keys", text, signatures));
  return keyring;
}

}  // namespace

Result<Keyring> parse_keyring(std::string_view text) {
  if (text.size() > max_keyring_size) return fail(Fault::data, "larger than {} bytes", max_keyring_size);
  return read_keyring(text);
}

std::string to_json(const Keyring& keyring) {
  json::JsonText json;
  json.object([&] {
    json.member("list", keyring.list);
    json.member("version", keyring.version);
    json.member("created", to_rfc3339(keyring.created));
    json.member("expires", to_rfc3339(keyring.expires));
    json.object("root", [&] {
      json.member("threshold", static_cast<std::uint64_t>(keyring.root.threshold));
      json.array("keys", [&] {
        for (const minisign::PublicKey& key : keyring.root.keys) json.text(to_base64(key));
      });
    });
    json.object("signing", [&] {
      json.member("threshold", static_cast<std::uint64_t>(keyring.threshold));
      json.array("keys", [&] {
        for (const SigningKey& each : keyring.signing) {
          json.object([&] {
            json.member("key", to_base64(each.key));
            json.member("from", to_rfc3339(each.from));
            json.member("until", to_rfc3339(each.until));
          });
        }
      });
    });
  });
  return json.take();
}

Result<void> verify(std::string_view text, std::span<const minisign::Signature> signatures,
                    const Roots& roots) {
  const std::size_t signers = count_signers(text, signatures, roots.keys);
  if (signers >= roots.threshold) return {};
  return fail(Fault::data, "signed by {} of {}, of which {} must sign", signers,
              counted(roots.keys.size(), "key"), roots.threshold);
}

Result<Keyring> accept_first(std::string_view text, std::span<const minisign::Signature> signatures,
                             std::string_view list, const Roots& configured) {
  TRY(verify_by(configured, "the configured root keys", text, signatures));
  return parse_signed(text, signatures, list);
}

Result<Keyring> accept_next(const Keyring& trusted, std::string_view text,
                            std::span<const minisign::Signature> signatures) {
  TRY(verify_by(trusted.root, fmt::format("the root keys of version {}", trusted.version), text, signatures));
  Keyring keyring = TRY(parse_signed(text, signatures, trusted.list));
  if (keyring.version != trusted.version + 1) {
    return fail(Fault::data, "it is version {}, where version {} must follow", keyring.version,
                trusted.version + 1);
  }
  return keyring;
}

Result<void> check_usable(const Keyring& newest, Time now) {
  if (now >= newest.expires) return fail(Fault::data, "it expired at {}", to_rfc3339(newest.expires));
  if (newest.created > now + max_ahead_of_clock)
    return fail(Fault::data, "it is from the future: of {}", to_rfc3339(newest.created));
  return {};
}

std::vector<minisign::PublicKey> valid_keys(const Keyring& keyring, Time now) {
  std::vector<minisign::PublicKey> keys;
  for (const SigningKey& each : keyring.signing) {
    if (each.from <= now && now < each.until) keys.push_back(each.key);
  }
  return keys;
}

}  // namespace starttls::keyring
