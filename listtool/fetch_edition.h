// Fetches the newest edition of a list and checks whether it may replace the installed one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "listtool/configuration.h"
#include "listtool/sources.h"
#include "listtool/state.h"
#include "listtool/update_history.h"

namespace starttls::listtool {

struct Context;

// The result of fetching a list.
struct FetchedEdition {
  // The edition to install: a new one, whose files are in the next set, or the installed one.
  Edition edition;
  std::optional<Source> content;  // of a new one
  ListHistory list_history;       // to save after the edition is installed
};

// The installed edition of a list, and its history.
struct PreviousEdition {
  const ListSet& set;
  const Edition* installed;         // in the set; nullptr if the list is not installed
  const ListHistory* list_history;  // nullptr if there is none
  // The newest keys.json that was accepted, of a list with root_keys: it names who may sign the next edition.
  std::optional<TrustedKeyring> keyring;
};

struct FetchOptions {
  bool unconditional = false;  // fetch it even if the server reports no change
  bool force = false;          // a list may shrink by any amount
};

// Fetches once, conditionally if an edition is installed. If the list does not match its signature, fetches
// once more, since the publisher may have replaced both between the two requests.
//
// Fault::data where what was fetched must not be installed: it is no list, has a bad signature, is signed as
// another file or list, has expired, is from the far future, is older than the newest edition that was ever
// installed, is of the same time with other content, does not follow the installed one (its EditionMark), or has shrunk
// too much. Other faults as of
// http::Client::fetch() and of files. Without a new edition, the files in the next set are not used.
Result<FetchedEdition> fetch_edition(const Context& context, StateWriter& state, http::Client& client,
                                     const ListSettings& settings, const PreviousEdition& before,
                                     const FetchOptions& options);

}  // namespace starttls::listtool
