#include "outbound/fold.h"

#include <utility>

#include "base/try.h"

namespace starttls::outbound {

Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments,
                         const journal::ReadSegment& read, const Limits& limits, Time now) {
  const auto transaction = TRY(store.begin_fold());
  SegmentContent content;
  std::vector<std::string> added;
  for (const std::string& segment : segments) {
    const auto known = TRY(transaction->is_folded(segment));
    const auto take = [&](std::string_view payload) {
      return known ? decode(payload).has_value() : content.add(payload);
    };
    if (read(segment, take) && !known) added.push_back(segment);
  }
  if (added.empty()) return FoldOutcome{};
  SegmentContent::Counted counted = content.take();
  const auto left_out = TRY(transaction->add(counted.counts, limits));
  for (const auto& [day, sessions] : left_out) counted.days[day].left_out += sessions;
  TRY(transaction->add(counted.days));
  for (const std::string& segment : added) TRY(transaction->record(segment, now));
  TRY(transaction->commit());
  FoldOutcome outcome{.added = true, .malformed_reason = std::move(counted.malformed_reason)};
  for (const auto& [day, total] : counted.days) outcome.total += total;
  return outcome;
}

}  // namespace starttls::outbound
