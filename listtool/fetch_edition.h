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

struct Common;

// What came of asking for a list.
struct FetchedEdition {
  // The edition to be installed from now on: a new one, whose files are in the next set; or the installed
  // one.
  Edition edition;
  std::optional<Source> content;  // of a new one
  Remembered remembered;          // to be remembered once the edition is installed
};

// What there was of a list before.
struct Former {
  const Set& set;
  const Edition* installed;      // in the set; nullptr where none is
  const Remembered* remembered;  // nullptr where nothing is
};

struct FetchOptions {
  bool anew = false;   // no word of the server that nothing has changed will do
  bool force = false;  // a list may shrink as much as it likes
};

// Asks once, with conditions where an edition is installed; on a list that does not fit its signature once
// more, since the publisher may have replaced both between the two fetches.
//
// Fault::data where what there is may not be installed: it is no list, badly signed, signed as another file,
// expired, from the far future, older than the newest one that was ever installed, of the same time with
// other content, or shrunk too much. Other faults as of http::Client::fetch() and of files. Without a new
// edition, what was written to the next set is worth nothing.
Result<FetchedEdition> obtain(const Common& common, StateWriter& state, http::Client& client,
                              const ListSettings& settings, const Former& before,
                              const FetchOptions& demands);

}  // namespace starttls::listtool
