// The outcome of each session that was tried, and whether the store agrees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "load/load.h"
#include "store/counts.h"

namespace starttls::load {

// What the store must contain of a session.
enum class Fate {
  open,      // running: nothing, or once, up to its current step
  closed,    // the client saw its end: once, complete
  cut,       // it was ending when the daemon was killed: nothing, or once and complete
  broken,    // killed before its end: nothing
  ended,     // TERM ended it after the daemon received it: once, up to its last step
  late,      // started around TERM, and never answered: nothing, or once
  declined,  // the daemon was about to exit and refused it: nothing
};

// Whether the daemon follows the MTA's log, and has read all of it.
enum class Log { none, behind, read };

// What an audit found in the store.
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
  std::size_t known_by_log = 0;    // those of them that are known only from the log
  std::size_t without_reason = 0;  // whose reason is also in the log, or will be
  std::uint64_t messages = 0;      // in the store
  std::vector<std::string> faults;
};

class Attempts {
 public:
  // Returns a session that was never tried before.
  Script begin();
  void set(const Script& script, Fate fate);

  std::size_t count(Fate fate) const;
  std::size_t total() const { return fates_.size(); }

  // Compares each session with the store and, for the complete ones, the totals of messages and recipient
  // domains. What an earlier audit found must still be there. If the daemon follows the log, the reason of a
  // failed handshake may be missing as long as the daemon has not read the whole log.
  Audit audit(const store::DailyCounts& counts, Log log = Log::none);

 private:
  std::vector<Fate> fates_;
  std::vector<bool> recorded_;  // as of the last audit
};

}  // namespace starttls::load
