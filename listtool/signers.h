// Who may sign a list: the keys in its configuration, or those that its keys.json names.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "keyring/keyring.h"
#include "listtool/configuration.h"
#include "listtool/state.h"
#include "minisign/key.h"

namespace starttls::listtool {

// Not for lists that are signed with OpenPGP: only gpgv can read their keys.
struct Signers {
  std::vector<minisign::PublicKey> keys;
  std::size_t required = 1;  // how many different ones of them must have signed
};

// Who may sign the list now. `keyring` is the newest keys.json, for a list with root_keys; else it is not used. Without
// it nobody may sign such a list.
Signers current_signers(const ListSettings& settings, const keyring::Keyring* keyring, Time now);

// Who may have signed the installed edition. A key that keys.json names may have signed it although the key's time is
// over now: the edition was installed in time. A key that keys.json no longer names is revoked.
Signers signers_of_installed(const ListSettings& settings, const keyring::Keyring* keyring);
Signers signers_of_installed(const ListSettings& settings, const Edition& edition);

// "key A809E3FFB11E271C"
std::string key_name(const minisign::KeyId& key);

// Whether enough of them are in Edition::signed_by.
bool have_signed(const Signers& signers, const std::string& signed_by);

// The root keys and the threshold in the configuration, from which keys.json is accepted, as a text:
// "2 of RW..., RW...". Their order does not matter. "" without root keys.
std::string roots_text(const ListSettings& settings);

// The list's keys.json; nullptr if there is none.
const keyring::Keyring* keyring_of(const Edition& edition);

}  // namespace starttls::listtool
