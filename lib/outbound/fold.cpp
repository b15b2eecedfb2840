#include "outbound/fold.h"

#include <utility>

#include "base/try.h"
#include "store/log_position.h"

namespace starttls::outbound {

Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments,
                         const journal::ReadSegment& read, const Limits& limits, Time now) {
  const auto transaction = TRY(store.begin_fold());
  SegmentContent content;
  std::optional<session::LogPosition> folded_before;
  const auto take_position = [&](std::string_view payload) {
    const auto record = decode(payload);
    if (record) folded_before = store::further(std::move(folded_before), position_of(*record));
    return record.has_value();
  };
  std::vector<std::string> added;
  for (const std::string& segment : segments) {
    const auto known = TRY(transaction->is_folded(segment));
    const auto take = [&](std::string_view payload) {
      return known ? take_position(payload) : content.add(payload);
    };
    if (read(segment, take) && !known) added.push_back(segment);
  }
  SegmentContent::Counted counted = content.take();
  auto position = store::further(std::move(counted.position), std::move(folded_before));
  if (added.empty()) return FoldOutcome{.position = std::move(position)};
  const auto left_out = TRY(transaction->add(counted.counts, limits));
  for (const auto& [day, sessions] : left_out) counted.days[day].left_out += sessions;
  TRY(transaction->add(counted.days));
  for (const std::string& segment : added) TRY(transaction->record(segment, now));
  TRY(transaction->commit());
  FoldOutcome outcome{.added = true,
                      .malformed_reason = std::move(counted.malformed_reason),
                      .position = std::move(position)};
  for (const auto& [day, total] : counted.days) outcome.total += total;
  return outcome;
}

}  // namespace starttls::outbound
