// The database behind the journal.
//
// Exactly once: fold() adds a segment's counts and records the segment's id in one transaction, and does
// nothing for an id that is recorded already. Whoever unlinks a segment after fold(), and folds again what is
// still there after a crash, loses nothing and counts nothing twice.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/counts.h"

namespace starttls::store {

struct Period {
  Day since;  // first day
  Day until;  // last day, included
  bool contains(Day day) const { return since <= day && day <= until; }
};

struct Snapshot {
  DailyCounts counts;
  std::set<std::string> folded;  // those of the asked segments that are in the counts
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Returns whether the counts were added (false: the segment had been folded before). On an error nothing
  // was.
  virtual Result<bool> fold(const std::string& segment, const DailyCounts& counts, Time now) = 0;

  // The counts of the days, and which of the segments are in them, as of one moment.
  virtual Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments) = 0;

  // Forgets the ids of segments folded before the time. Only for segments whose files are gone.
  virtual Result<void> forget_segments(Time folded_before) = 0;
};

enum class Access { read, write };

// The embedded store: one SQLite file, created for Access::write where it is missing. Fault::data where the
// file is no store of ours or was made by a newer version, else why it cannot be opened: Fault::unavailable,
// Fault::permission, Fault::temporary (another process has it locked), Fault::io.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access);

}  // namespace starttls::store
