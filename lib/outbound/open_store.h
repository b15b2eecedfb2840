// Opens the outbound store, and reads what was received: the store, and the journal segments that are not in it
// yet.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "outbound/counts.h"
#include "outbound/store.h"
#include "store/open_store.h"

namespace starttls::outbound {

using store::StoreLocation;

// The journal and the embedded store in a state directory.
std::filesystem::path journal_directory(const std::filesystem::path& state_dir);
std::filesystem::path store_file(const std::filesystem::path& state_dir);

// Errors as of the stores.
Result<std::unique_ptr<Store>> open_store(const StoreLocation& location, Access access);

// Hands the counts of the days to `take` (as CountSink says), only those of one recipient domain where it is given
// ("": all): each result exactly once, also while a collector works on the same state directory. The same policy
// of a day may come twice, one after the other or not. Returns the totals of the days, and without `take` reads no more
// than these. Fault::unavailable where no result was ever received there.
Result<DayTotals> read_counts(const StoreLocation& location, const Period& period, const std::string& domain,
                              const CountSink& take);

}  // namespace starttls::outbound
