// The database that the journal is folded into.
//
// Exactly once: a fold (fold.h) adds the counts of a segment and records the segment's id in one transaction,
// and does nothing for an id that is recorded already. A writer that unlinks a segment after its fold, and
// after a crash folds again what is still there, loses nothing and counts nothing twice.
//
// A store has one or more writers, each the state directory of one MX host. Comments mention what belongs to
// one writer.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/counts.h"
#include "store/senders.h"

namespace starttls::store {

struct Period {
  Day since;  // first day
  Day until;  // last day, included
  bool contains(Day day) const { return since <= day && day <= until; }
};

// How often to look again for what could not be removed before.
inline constexpr std::chrono::hours prune_again_after{1};

struct Snapshot {
  std::set<std::string> folded;      // those of the given segments that are in the counts
  std::vector<std::string> waiting;  // of each writer (fold.h)
};

// The steps of one fold. Nothing of it stays unless commit() succeeds.
class FoldTransaction {
 public:
  FoldTransaction() = default;
  FoldTransaction(const FoldTransaction&) = delete;
  FoldTransaction& operator=(const FoldTransaction&) = delete;
  virtual ~FoldTransaction() = default;

  virtual Result<bool> is_folded(const std::string& segment) = 0;
  // The records that wait after the writer's last fold; "" for none.
  virtual Result<std::string> waiting() = 0;
  // Those of the sending domains that the store has. Other writers may add to them at the same time: the
  // result is then as if this writer had been first.
  virtual Result<Senders> senders(const std::set<std::string>& domains) = 0;
  virtual Result<Forgotten> forgotten() = 0;

  virtual Result<void> add(const DailyCounts& counts) = 0;
  virtual Result<void> add(const Senders& more) = 0;
  virtual Result<void> add(const std::vector<Downgrade>& downgrades) = 0;
  virtual Result<void> set_waiting(const std::string& records) = 0;
  virtual Result<void> record(const std::string& segment, Time now) = 0;
  virtual Result<void> commit() = 0;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual Result<std::unique_ptr<FoldTransaction>> begin_fold() = 0;

  // Hands the counts of the days to `take`, each class once. Returns what waits, and which of the segments
  // are in either, as of one moment.
  virtual Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments,
                                const CountSink& take) = 0;

  // Forgets the ids of the writer's segments folded before the time. Only for segments whose files were
  // removed.
  virtual Result<void> forget_segments(Time folded_before) = 0;

  // Removes counts and downgrades of earlier days, and senders that were last seen, or forgotten, on one of
  // them. Returns how many rows it removed: up to `max_rows`, but a shared store drops all days at once. A fold waits
  // no longer than these take. 0: nothing is left that can be removed now. What somebody else uses stays, and can be
  // removed later.
  virtual Result<std::size_t> prune(Day before, std::size_t max_rows) = 0;

  virtual Result<std::vector<Downgrade>> downgrades(const Period& period) = 0;
  // Sending domains with at least so many sessions with TLS.
  virtual Result<Senders> senders(std::uint64_t min_tls_sessions) = 0;
  // Forgets a sending domain, also in journals that are not folded yet; false where the store does not have
  // it.
  virtual Result<bool> forget_sender(const std::string& domain, Time now) = 0;
  // A number that changes whenever a sending domain is forgotten.
  virtual Result<std::int64_t> forget_generation() = 0;
};

enum class Access {
  read,
  read_write,  // of a store that exists
  // Of the program that records: creates the store where it is missing, and upgrades one of an older version.
  owner,
};

// The embedded store: one SQLite file with one writer. Fault::data where the file is not a store or is of a
// newer version, else why it cannot be opened: Fault::unavailable, Fault::permission, Fault::temporary
// (another process has locked it), Fault::io.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access);

// A store that several MX hosts share: a database of PostgreSQL. `writer`: as of writer.h, for Access::owner. Fault::data where the database
// has no store, or one of a newer version; other errors as of postgres.h. The next fold connects again after
// a connection was lost.
Result<std::unique_ptr<Store>> open_postgres_store(const std::string& url, const std::string& writer,
                                                   Access access);

// Renames the file of an embedded store that is damaged to FILE.damaged-TIME, and returns the new name; ""
// where it is sound, also where it is not a store.
Result<std::string> quarantine_if_corrupt(const std::filesystem::path& file, Time now);

// The same with the system's time, and an error in the log. Whether a new store can be created now.
Result<bool> repair_embedded_store(const std::filesystem::path& file);

}  // namespace starttls::store
