#include "store/open_store.h"

#include <fcntl.h>

#include <cerrno>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "store/segment.h"
#include "store/writer.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

struct OpenSegment {
  std::string id;
  UniqueFd fd;
};

// An open segment stays readable after the recorder unlinks it.
Result<std::vector<OpenSegment>> open_segments(const fs::path& directory) {
  const auto paths = TRY(list_segments(directory));
  std::vector<OpenSegment> segments;
  for (const fs::path& path : paths) {
    UniqueFd fd = open_regular(AT_FDCWD, path.c_str());
    if (!fd && errno == ENOENT) continue;  // folded meanwhile: its content is in the store
    if (!fd) {
      const Fault fault = errno == EACCES ? Fault::permission : Fault::io;
      return fail(fault, "{}: {}", printable(path.string()), errno_text(errno));
    }
    segments.push_back({segment_id(path), std::move(fd)});
  }
  return segments;
}

Result<void> add_segment(SegmentContent& unfolded, const OpenSegment& segment) {
  const auto content = TRY(read_all(segment.fd.get(), max_segment_size, segment.id));
  // The last record may be incomplete because it is being written now. The recorder reports damage.
  const auto damage = read_segment(content, [&](Record record) { unfolded.add(std::move(record)); });
  TRY(with_context(damage, "{}", segment.id));
  return {};
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
  const auto segments = TRY(open_segments(journal_directory(location.state_dir)));
  SegmentContent content(sending_domain);
  for (const OpenSegment& segment : segments) {
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
  const auto segments = TRY(open_segments(journal_directory(location.state_dir)));
  std::vector<std::string> ids;
  ids.reserve(segments.size());
  for (const OpenSegment& segment : segments) ids.push_back(segment.id);

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
  for (const OpenSegment& segment : segments) {
    if (snapshot.folded.contains(segment.id)) continue;
    TRY(add_segment(unfolded, segment));
  }
  for (const auto& [of, count] : unfolded_counts(snapshot, std::move(unfolded), period)) take(of, count);
  return {};
}

}  // namespace starttls::store
