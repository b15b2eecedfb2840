#include "store/open_store.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "journal/open_segments.h"
#include "store/record.h"
#include "store/writer.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

Result<void> add_segment(SegmentContent& unfolded, const journal::OpenSegment& segment) {
  return journal::read_segment(segment, [&](std::string_view payload) {
    auto record = decode_record(payload);
    if (record) unfolded.add(std::move(*record));
    return record.has_value();
  });
}

}  // namespace

fs::path journal_directory(const fs::path& state_dir) {
  return state_dir / "journal";
}

fs::path store_file(const fs::path& state_dir) {
  return state_dir / "tlsrpt.sqlite";
}

Result<std::unique_ptr<Store>> open_store(const StoreLocation& location, Access access) {
  if (location.store_url.empty()) return open_sqlite_store(store_file(location.state_dir), access);
  const auto writer = TRY(access == Access::owner ? writer_id(location.state_dir) : std::string());
  return open_postgres_store(location.store_url, writer, access);
}

namespace {

// Whether there is a store to read.
Result<bool> has_store(const StoreLocation& location) {
  std::error_code error;
  const bool found = !location.store_url.empty() || fs::exists(store_file(location.state_dir), error);
  if (error)
    return fail(Fault::permission, "{}: {}", printable(location.state_dir.string()), error.message());
  return found;
}

}  // namespace

Result<std::vector<Downgrade>> read_downgrades(const StoreLocation& location, const Period& period) {
  const auto found = TRY(has_store(location));
  if (!found) return std::vector<Downgrade>();
  auto store = TRY(open_store(location, Access::read));
  return store->downgrades(period);
}

Result<std::set<std::string>> senders_in_journal(const StoreLocation& location,
                                                 const SendingDomainFinder& sending_domain) {
  const auto segments = TRY(journal::open_segments(journal_directory(location.state_dir)));
  SegmentContent content(sending_domain);
  for (const journal::OpenSegment& segment : segments) {
    TRY(add_segment(content, segment));
  }
  std::set<std::string> found;
  for (const auto& [domain, sender] : content.senders) found.insert(domain);
  return found;
}

Result<DailyCounts> read_counts(const StoreLocation& location, const Period& period) {
  DailyCounts counts;
  TRY(read_counts(location, period, [&](const SessionClass& of, const ClassCount& count) {
    add(counts, DailyCounts{{of, count}});
  }));
  return counts;
}

Result<void> read_counts(const StoreLocation& location, const Period& period, const CountSink& take) {
  // Open the segments before the store: a segment that is folded in between is recognised by its id in the
  // store.
  const auto segments = TRY(journal::open_segments(journal_directory(location.state_dir)));
  std::vector<std::string> ids;
  ids.reserve(segments.size());
  for (const journal::OpenSegment& segment : segments) ids.push_back(segment.id);

  const auto found = TRY(has_store(location));
  if (!found && segments.empty()) {
    return fail(Fault::unavailable,
                "{}: nothing was recorded there; does tlsrpt-milter run with this state directory?",
                printable(location.state_dir.string()));
  }
  Snapshot snapshot;
  if (found) {
    const auto store = TRY(open_store(location, Access::read));
    snapshot = TRY(store->read(period, ids, take));
  }
  const SendingDomainFinder nobody = [](const std::string&) { return std::string(); };
  SegmentContent unfolded(nobody);
  for (const journal::OpenSegment& segment : segments) {
    if (snapshot.folded.contains(segment.id)) continue;
    TRY(add_segment(unfolded, segment));
  }
  for (const auto& [of, count] : unfolded_counts(snapshot, std::move(unfolded), period)) take(of, count);
  return {};
}

}  // namespace starttls::store
