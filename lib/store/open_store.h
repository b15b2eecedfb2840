// Opens the store, and reads what was recorded: the store, and the journal segments that are not in it yet.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/result.h"
#include "store/counts.h"
#include "store/recorder.h"
#include "store/store.h"

namespace starttls::store {

// The journal and the embedded store in a state directory.
std::filesystem::path journal_directory(const std::filesystem::path& state_dir);
std::filesystem::path store_file(const std::filesystem::path& state_dir);

struct StoreLocation {
  std::filesystem::path state_dir;  // of this host
  // Of a store that hosts share; empty: there is an embedded one in the state directory.
  std::string store_url;
};

// Errors as of the stores.
Result<std::unique_ptr<Store>> open_store(const StoreLocation& location, Access access);

// Hands the counts of the days to `take`: each closed session exactly once, also while a recorder works on
// the same state directory. A class may come twice. Fault::unavailable where nothing was ever recorded there.
Result<void> read_counts(const StoreLocation& location, const Period& period, const CountSink& take);
// All counts, added up: for a few days.
Result<DailyCounts> read_counts(const StoreLocation& location, const Period& period);

// The sending domains with TLS in the journal of this host, which the store may not have yet. Errors as of
// read_counts().
Result<std::set<std::string>> senders_in_journal(const StoreLocation& location,
                                                 const SendingDomainFinder& sending_domain);

// The downgrades of the days, as of the last fold; none where nothing was folded yet.
Result<std::vector<Downgrade>> read_downgrades(const StoreLocation& location, const Period& period);

}  // namespace starttls::store
