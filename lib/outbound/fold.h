// The fold: adds the results of journal segments to the store, in one transaction.
//
//     segments -> SegmentContent: by text, or by row where it is known -> FoldTransaction -> what is known next time
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "journal/recorder.h"
#include "outbound/known_results.h"
#include "outbound/store.h"

namespace starttls::outbound {

struct FoldOutcome {
  std::size_t segments = 0;      // that this is about, from the first one on
  bool added = false;            // false: every segment had been folded before
  DayTotal total;                // that is counted now
  std::string malformed_reason;  // of one of the malformed datagrams; "" where there is none
  // In the log, the furthest, also of what had been folded before.
  std::optional<session::LogPosition> position;
};

// Folds segments of one writer, in one transaction: the first one, and of the others, in order, as many as have
// max_fold_size of different datagrams that are not known. On an error nothing was added, and nothing is known any more.
inline constexpr std::size_t max_fold_size = std::size_t{4} << 20U;  // bytes; all of them are in memory
Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments,
                         const journal::ReadSegment& read, const Limits& limits, KnownResults& known,
                         Time now);

}  // namespace starttls::outbound
