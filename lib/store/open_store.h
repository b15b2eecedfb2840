// The one way to read what was recorded: the store, and the journal segments that are not in it yet.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/result.h"
#include "store/counts.h"
#include "store/recorder.h"
#include "store/store.h"

namespace starttls::store {

// Where a state directory keeps things.
std::filesystem::path journal_directory(const std::filesystem::path& state_dir);
std::filesystem::path store_file(const std::filesystem::path& state_dir);

// Where things are recorded.
struct StoreLocation {
  std::filesystem::path state_dir;  // of this host
  std::string
      store_url;  // of a store that hosts share; empty: there is an embedded one in the state directory
};

// Errors as of the stores.
Result<std::unique_ptr<Store>> open_store(const StoreLocation& place, Access access);

// Gives the counts of the days, each closed session exactly once, also while a recorder works on the same
// state directory; a class may come twice. Fault::unavailable where nothing was ever recorded there.
Result<void> read_counts(const StoreLocation& place, const Period& period, const CountSink& take);
// All of them, added up: of a few days.
Result<DailyCounts> read_counts(const StoreLocation& place, const Period& period);

// The sending domains that the journal of this host knows for TLS, and the store perhaps not yet. Errors as
// of read_counts().
Result<std::set<std::string>> senders_in_journal(const StoreLocation& place,
                                                 const SendingDomainFinder& sending_domain);

// The downgrades of the days, as of the last fold; none where nothing was folded yet.
Result<std::vector<Downgrade>> read_downgrades(const StoreLocation& place, const Period& period);

}  // namespace starttls::store
