// The fold: what a journal segment comes to is added to the store, in one transaction.
//
//     segment -> SegmentContent -> join with what waits -> counts, senders, downgrades, what waits now ->
//     commit
#pragma once

#include <cstdint>
#include <functional>
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

// The records of a segment, in their order, as far as they can be added up without the store.
class SegmentContent {
 public:
  // `forgotten`: what sending domains did before, nobody remembers.
  explicit SegmentContent(const SendingDomainFinder& sending_domain, Forgotten forgotten = {})
      : sending_domain_(&sending_domain), forgotten_(std::move(forgotten)) {}

  void add(Record record);

  // A session in plaintext whose sender may be known for TLS, and what the segment tells of the sender before
  // it.
  struct Plaintext {
    session::Session session;
    std::string sender;
    Sender before;
  };

  DailyCounts counts;                            // of the sessions that are in none of the following
  Waiting waiting;                               // sessions and failures that may belong together
  std::vector<Plaintext> plaintext;              // in their order
  Senders senders;                               // what their sessions with TLS come to
  std::optional<session::LogPosition> position;  // the furthest
  std::uint64_t records = 0;

 private:
  void add_session(session::Session session);
  bool is_forgotten(const std::string& sender, Time end) const;
  const std::string& sender_of(const std::string& client_name);

  const SendingDomainFinder* sending_domain_;
  Forgotten forgotten_;
  std::unordered_map<std::string, std::string> senders_of_names_;
};

struct FoldRules {
  std::uint64_t downgrade_after = 10;  // sessions with TLS that make a sender known for it
};

struct FoldOutcome {
  bool added = false;          // false: every segment had been folded before
  std::uint64_t sessions = 0;  // that are counted now
  std::uint64_t failed = 0;    // of these, handshakes that the log told of
  std::uint64_t downgraded = 0;
  std::size_t waiting = 0;                         // sessions and failures
  std::map<std::string, std::uint64_t> uncounted;  // failures that are of no session of ours, by service
  std::vector<Downgrade> downgrades;               // the first of their sender and day
  std::optional<session::LogPosition> position;    // the furthest, also of what had been folded before
};

// Adds the records of a segment; false where it cannot be read now, and is to be left as it is.
using ReadSegment = std::function<bool(const std::string& segment, SegmentContent& content)>;

// Segments of one writer, the oldest first, in one transaction: what is added to is touched once for all of
// them. On an error nothing was added.
Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments, const ReadSegment& read,
                         const SendingDomainFinder& sending_domain, Time now, const FoldRules& rules);

// The same of a segment that was read before. `journal_time`: when it was begun.
Result<FoldOutcome> fold(Store& store, const std::string& segment, SegmentContent content, Time journal_time,
                         Time now, const FoldRules& rules);

// Settles what has waited for too long where no segment comes any more.
Result<FoldOutcome> count_waiting(Store& store, Time now, const FoldRules& rules);

// For a reader: the counts of what is not in those of the store, with what waits as it stands now.
DailyCounts unfolded_counts(const Snapshot& snapshot, SegmentContent unfolded, const Period& period);

}  // namespace starttls::store
