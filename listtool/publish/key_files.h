// The versions of keys.json in the publisher's directory, with the signatures of root keys beside them.
//
// The newest version that enough root keys have signed is in use. One more may be there that is not signed enough yet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "keyring/keyring.h"
#include "listtool/context.h"
#include "listtool/publish/layout.h"
#include "minisign/signature.h"

namespace starttls::listtool::publish {

// A version, with the signatures that fit it.
struct KeyVersion {
  keyring::Keyring keyring;
  std::filesystem::path file;
  std::vector<std::filesystem::path> signatures;  // their files
  std::vector<minisign::KeyId> signed_by;         // as in `signatures`
  std::optional<Error> unsigned_because;          // too few root keys have signed it
};

struct KeyVersions {
  std::vector<KeyVersion> accepted;  // from version 1 on, without a gap
  std::optional<KeyVersion> draft;   // the version after these, not signed enough

  // The one in use; null where there is none.
  const KeyVersion* newest() const { return accepted.empty() ? nullptr : &accepted.back(); }
};

// "keys.4.json"
std::string key_file(std::uint64_t version);

// Fault::data with the file where one cannot be read, or is of another list.
Result<KeyVersions> read_key_versions(const Layout& layout, const std::string& list);

// What the publisher must soon do about the keys, a sentence without full stop each: version in use that expires, online
// keys whose time ends.
std::vector<std::string> duties(const Context& context, const KeyVersions& versions);

// Puts a signature beside the draft, which must be there. Fault::data where none of the root keys that may sign the draft
// has made it.
Result<void> add_signature(const KeyVersions& versions, const std::filesystem::path& signature);

// Writes a new draft. Fault::cannot_create.
Result<std::filesystem::path> write_draft(const Layout& layout, const keyring::Keyring& keyring);

// The name of a signature's file beside a file.
std::string signature_file(const std::string& file, const minisign::KeyId& key);

}  // namespace starttls::listtool::publish
