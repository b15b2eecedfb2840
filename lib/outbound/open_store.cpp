#include "outbound/open_store.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "journal/open_segments.h"
#include "store/writer.h"

namespace starttls::outbound {
namespace {

namespace fs = std::filesystem;
using Segments = std::vector<journal::OpenSegment>;

// Whether there is a store to read.
Result<bool> has_store(const StoreLocation& location) {
  std::error_code error;
  const bool found =
      !location.store_url.empty() || fs::exists(outbound::store_file(location.state_dir), error);
  if (error)
    return fail(Fault::permission, "{}: {}", printable(location.state_dir.string()), error.message());
  return found;
}

Result<SegmentContent::Counted> read_unfolded(const Segments& segments, const std::set<std::string>& folded) {
  SegmentContent content;
  for (const journal::OpenSegment& segment : segments) {
    if (folded.contains(segment.id)) continue;
    TRY(journal::read_segment(segment, [&](std::string_view payload) { return content.add(payload); }));
  }
  return content.take();
}

// Passes the counts of the journal on before those of the store with a later domain.
class Merge {
 public:
  Merge(const Query& query, const CountSink& take) : query_(query), take_(take) {}

  void set_unfolded(DailyCounts unfolded) {
    unfolded_ = std::move(unfolded);
    next_ = unfolded_.begin();
  }

  Result<void> add(const PolicyOfDay& of, const PolicyCount& count) {
    TRY(pass_unfolded(&of.policy.domain));
    return take_(of, count);
  }
  Result<void> finish() { return pass_unfolded(nullptr); }

 private:
  // Those of domains before this one; none: all that are left.
  Result<void> pass_unfolded(const std::string* before) {
    for (; next_ != unfolded_.end() && (before == nullptr || next_->first.policy.domain < *before); ++next_) {
      const auto& [of, count] = *next_;
      if (!query_.period.contains(of.day)) continue;
      if (!query_.domain.empty() && of.policy.domain != query_.domain) continue;
      TRY(take_(of, count));
    }
    return {};
  }

  const Query& query_;
  const CountSink& take_;
  DailyCounts unfolded_;
  DailyCounts::const_iterator next_ = unfolded_.end();
};

}  // namespace

fs::path journal_directory(const fs::path& state_dir) {
  return state_dir / "outbound-journal";
}

fs::path store_file(const fs::path& state_dir) {
  return state_dir / "outbound.sqlite";
}

Result<std::unique_ptr<Store>> open_store(const StoreLocation& location, Access access) {
  if (location.store_url.empty())
    return outbound::open_sqlite_store(outbound::store_file(location.state_dir), access);
  const auto writer = TRY(access == Access::owner ? store::writer_id(location.state_dir) : std::string());
  return outbound::open_postgres_store(location.store_url, writer, access);
}

Result<DayTotals> read_counts(const StoreLocation& location, const Period& period, const std::string& domain,
                              const CountSink& take) {
  // Open the segments before the store: a segment that is folded in between is recognised by its id in the
  // store.
  const auto segments = TRY(journal::open_segments(outbound::journal_directory(location.state_dir)));
  Query query{.period = period, .domain = domain, .segments = {}};
  for (const journal::OpenSegment& segment : segments) query.segments.push_back(segment.id);

  const auto found = TRY(has_store(location));
  if (!found && segments.empty()) {
    return fail(Fault::unavailable,
                "{}: no result was received there; does tlsrpt-collector run with this state directory?",
                printable(location.state_dir.string()));
  }
  Merge merge(query, take);
  DayTotals days;
  const auto begin = [&](const std::set<std::string>& folded) -> Result<void> {
    auto unfolded = TRY(read_unfolded(segments, folded));
    merge.set_unfolded(daily_counts(unfolded.policies));
    for (const auto& [day, total] : unfolded.days) {
      if (period.contains(day)) days[day] += total;
    }
    return {};
  };
  if (found) {
    const auto store = TRY(outbound::open_store(location, Access::read));
    CountSink in_order;
    if (take)
      in_order = [&](const PolicyOfDay& of, const PolicyCount& count) { return merge.add(of, count); };
    const auto in_store = TRY(store->read(query, begin, in_order));
    for (const auto& [day, total] : in_store) days[day] += total;
  } else {
    TRY(begin({}));
  }
  if (take) TRY(merge.finish());
  return days;
}

}  // namespace starttls::outbound
