#include "outbound/fold.h"

#include <utility>
#include <vector>

#include "base/try.h"
#include "outbound/counts.h"
#include "store/log_position.h"

namespace starttls::outbound {
namespace {

// What was read of segments.
struct Segments {
  std::size_t count = 0;           // of them, from the first one on
  std::vector<std::string> added;  // those that had not been folded before
  SegmentContent::Counted content;
  std::optional<session::LogPosition> position;
};

Result<Segments> read_segments(FoldTransaction& transaction, const std::vector<std::string>& segments,
                               const journal::ReadSegment& read, KnownResults& known) {
  Segments all;
  SegmentContent content(known);
  const auto take_position = [&](std::string_view payload) {
    const auto record = decode(payload);
    if (record) all.position = store::further(std::move(all.position), position_of(*record));
    return record.has_value();
  };
  for (const std::string& segment : segments) {
    const auto folded_before = TRY(transaction.is_folded(segment));
    const auto take = [&](std::string_view payload) {
      return folded_before ? take_position(payload) : content.add(payload);
    };
    if (read(segment, take) && !folded_before) all.added.push_back(segment);
    ++all.count;
    if (content.size() >= max_fold_size) break;
  }
  all.content = content.take();
  all.position = store::further(std::move(all.position), std::move(all.content.position));
  return all;
}

// None: nothing was added, because the store has lost a row that was known.
Result<std::optional<FoldOutcome>> try_fold(Store& store, const std::vector<std::string>& segments,
                                            const journal::ReadSegment& read, const Limits& limits,
                                            KnownResults& known, Time now) {
  const auto transaction = TRY(store.begin_fold());
  Segments all = TRY(read_segments(*transaction, segments, read, known));
  FoldOutcome outcome{.segments = all.count, .position = std::move(all.position)};
  if (all.added.empty()) return outcome;
  SegmentContent::Counted& content = all.content;
  const auto added = TRY(transaction->add(content.policies, content.known, limits));
  if (!added) return std::nullopt;
  for (const auto& [day, sessions] : *added) content.days[day].left_out += sessions;
  TRY(transaction->add(content.days));
  for (const std::string& segment : all.added) TRY(transaction->record(segment, now));
  TRY(transaction->commit());
  if (added->empty()) {  // each of them has a row now
    for (const auto& [hash, policy] : content.successes)
      known.remember(hash, policy, content.policies.at(policy).row);
  }
  outcome.added = true;
  outcome.malformed_reason = std::move(content.malformed_reason);
  for (const auto& [day, total] : content.days) outcome.total += total;
  return outcome;
}

}  // namespace

Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments,
                         const journal::ReadSegment& read, const Limits& limits, KnownResults& known,
                         Time now) {
  auto outcome = try_fold(store, segments, read, limits, known, now);
  if (outcome && *outcome) return std::move(**outcome);
  known.clear();
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  outcome = TRY(try_fold(store, segments, read, limits, known, now));
  if (!*outcome) return fail(Fault::internal, "a fold without known rows has lost one");
  return std::move(**outcome);
}

}  // namespace starttls::outbound
