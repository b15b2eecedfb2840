// The fold: adds the results of journal segments to the store, in one transaction.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "journal/recorder.h"
#include "outbound/store.h"

namespace starttls::outbound {

struct FoldOutcome {
  bool added = false;            // false: every segment had been folded before
  DayTotal total;                // that is counted now
  std::string malformed_reason;  // of one of the malformed datagrams; "" where there is none
  // In the log, the furthest, also of what had been folded before.
  std::optional<session::LogPosition> position;
};

// Folds segments of one writer, in one transaction. On an error nothing was added.
Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments,
                         const journal::ReadSegment& read, const Limits& limits, Time now);

}  // namespace starttls::outbound
