// Getting the newest edition of a list, and deciding whether it may take the place of the installed one.
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
  // The edition to be installed from now on: a new one, whose files are in the next set; or the installed
  // one.
  Edition edition;
  std::optional<Source> content;  // of a new one
  ListHistory list_history;       // to be remembered once the edition is installed
};

// The installed edition of a list, and its history.
struct PreviousEdition {
  const ListSet& set;
  const Edition* installed;         // in the set; nullptr where none is
  const ListHistory* list_history;  // nullptr where nothing is
};

struct FetchOptions {
  bool unconditional = false;  // fetch it even if the server says that it has not changed
  bool force = false;          // a list may shrink by any amount
};

// Asks once, with conditions where an edition is installed; on a list that does not fit its signature once
// more, since the publisher may have replaced both between the two fetches.
//
// Fault::data where what there is may not be installed: it is no list, badly signed, signed as another file,
// expired, from the far future, older than the newest one that was ever installed, of the same time with
// other content, or shrunk too much. Other faults as of http::Client::fetch() and of files. Without a new
// edition, what was written to the next set is worth nothing.
Result<FetchedEdition> fetch_edition(const Context& context, StateWriter& state, http::Client& client,
                                     const ListSettings& settings, const PreviousEdition& before,
                                     const FetchOptions& options);

}  // namespace starttls::listtool
