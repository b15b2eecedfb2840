// Fetches the signatures of a list: NAME.json.minisig, and NAME.json.KEYID.minisig of single keys where more are
// needed. KEYID is minisign::to_string(KeyId): 16 digits, also where minisign(1) omits leading zeros.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "keyring/keyring.h"
#include "listtool/configuration.h"
#include "listtool/list_fetcher.h"
#include "listtool/signers.h"

namespace starttls::listtool {

// The suffix of a signature's name, as minisign and gpg use it.
std::string signature_suffix(const ListSettings& settings);

struct FetchedSignatures {
  std::string first;         // the text of the file
  std::string first_origin;  // for messages
  struct OfKey {
    std::string key_id;
    std::string text;
  };
  std::vector<OfKey> further;  // by other keys than the first
};

// As many as the signers must make. A list that one configured key signs has one signature, which must exist. Else
// each signature of a signer counts, and one that the server does not have is one less. Whether they fit is not
// checked here. Fault::data if there are too few, with the reason; `keyring`, if the list has one, is for that reason.
Result<FetchedSignatures> fetch_signatures(ListFetcher& fetcher, const ListSettings& settings,
                                           const Signers& signers, const keyring::Keyring* keyring);

}  // namespace starttls::listtool
