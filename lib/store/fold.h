// The fold: adds the records of journal segments to the store, in one transaction.
//
//     segment -> SegmentContent -> join with what waits
//             -> counts, senders, downgrades, what waits now -> commit
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "session/failure.h"
#include "store/counts.h"
#include "store/join.h"
#include "store/record.h"
#include "store/senders.h"
#include "store/store.h"

namespace starttls::store {

// The records of segments, in their order, added up as far as that is possible without the store.
class SegmentContent {
 public:
  // `forgotten`: sessions of these sending domains before that time do not count as known for TLS.
  explicit SegmentContent(const SendingDomainFinder& sending_domain, Forgotten forgotten = {})
      : sending_domain_(&sending_domain), forgotten_(std::move(forgotten)) {}

  void add(Record record);

  // A session in plaintext whose sender may be known for TLS, and the sender's earlier sessions in the
  // segment.
  struct Plaintext {
    session::Session session;
    std::string sender;
    Sender before;
  };

  DailyCounts counts;                            // of the sessions that are in none of the following
  Waiting waiting;                               // sessions and failures that may belong together
  std::vector<Plaintext> plaintext;              // in their order
  Senders senders;                               // their sessions with TLS
  std::optional<session::LogPosition> position;  // the furthest
  std::uint64_t records = 0;

 private:
  void add_session(session::Session session);
  bool is_forgotten(const std::string& sender, Time end) const;
  const std::string& find_sender(const std::string& client_name);

  const SendingDomainFinder* sending_domain_;
  Forgotten forgotten_;
  std::unordered_map<std::string, std::string> senders_of_names_;
};

struct FoldRules {
  // Sessions with TLS that make a sender known for it; by default no number does.
  std::uint64_t downgrade_after = std::numeric_limits<std::uint64_t>::max();
};

struct FoldOutcome {
  bool added = false;          // false: every segment had been folded before
  std::uint64_t sessions = 0;  // that are counted now
  std::uint64_t failed = 0;    // of these, failed handshakes in the log
  std::uint64_t downgraded = 0;
  std::size_t waiting = 0;                         // sessions and failures
  std::map<std::string, std::uint64_t> uncounted;  // failures that are of no session of ours, by service
  std::vector<Downgrade> downgrades;               // the first of their sender and day
  std::optional<session::LogPosition> position;    // the furthest, also of what had been folded before
};

// Adds the records of a segment; false where it cannot be read now.
using ReadSegment = std::function<bool(const std::string& segment, SegmentContent& content)>;

// Folds segments of one writer, the oldest first, in one transaction. On an error nothing was added.
Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments, const ReadSegment& read,
                         const SendingDomainFinder& sending_domain, Time now, const FoldRules& rules);

// The same for a segment that was read before. `journal_time`: when the segment was begun.
Result<FoldOutcome> fold(Store& store, const std::string& segment, SegmentContent content, Time journal_time,
                         Time now, const FoldRules& rules);

// Counts what has waited for too long. For a writer without new segments.
Result<FoldOutcome> count_waiting(Store& store, Time now, const FoldRules& rules);

// For a reader: the counts of what is not yet in those of the store, with what waits as it is now.
DailyCounts unfolded_counts(const Snapshot& snapshot, SegmentContent unfolded, const Period& period);

}  // namespace starttls::store
