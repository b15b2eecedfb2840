// What became of each session that was tried, and whether the store agrees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "load/load.h"
#include "store/counts.h"

namespace starttls::load {

// What the store must hold of a session.
enum class Fate {
  open,      // under way: nothing, or once, as far as it has come
  closed,    // the client saw its end: once, whole
  cut,       // its end was under way when the daemon was killed: nothing, or once and whole
  broken,    // killed before its end: nothing
  ended,     // TERM ended it after the daemon knew of it: once, as far as it had come
  late,      // begun about TERM, and never answered: nothing, or once
  declined,  // the daemon, about to end, wanted nothing of it: nothing
};

// Whether the daemon follows the MTA's log, and has read all of it.
enum class Log { none, behind, read };

// What the store was found to hold.
struct Audit {
  std::size_t closed = 0;
  std::size_t cut = 0;
  std::size_t cut_recorded = 0;
  std::size_t broken = 0;
  std::size_t ended = 0;
  std::size_t late = 0;
  std::size_t late_recorded = 0;
  std::size_t declined = 0;
  std::size_t failed = 0;          // handshakes, with their reason
  std::size_t known_by_log = 0;    // of these, those that the log alone told of
  std::size_t without_reason = 0;  // that came too, or will
  std::uint64_t messages = 0;      // in the store
  std::vector<std::string> faults;
};

class Attempts {
 public:
  // A session that was never tried before.
  Script begin();
  void set(const Script& script, Fate fate);

  std::size_t count(Fate fate) const;
  std::size_t total() const { return fates_.size(); }

  // Compares session by session and, for those found whole, the totals of messages and recipient domains.
  // What an earlier audit found must still be there. Where the log is followed, a session whose handshake
  // failed may be without its reason as long as the log is behind.
  Audit audit(const store::DailyCounts& counts, Log log = Log::none);

 private:
  std::vector<Fate> fates_;
  std::vector<bool> recorded_;  // as of the last audit
};

}  // namespace starttls::load
