#include "store/ledger.h"

#include <fcntl.h>

#include <cerrno>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "store/segment.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

struct OpenSegment {
  std::string id;
  UniqueFd fd;
};

// A segment that is open stays readable when the recorder unlinks it.
Result<std::vector<OpenSegment>> open_segments(const fs::path& folder) {
  const auto paths = list_segments(folder);
  if (!paths) return std::unexpected(paths.error());
  std::vector<OpenSegment> segments;
  for (const fs::path& path : *paths) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == ENOENT) continue;  // folded meanwhile, so it is in the store
    if (!fd) {
      const Fault fault = errno == EACCES ? Fault::permission : Fault::io;
      return fail(fault, "{}: {}", printable(path.string()), errno_text(errno));
    }
    segments.push_back({segment_id(path), std::move(fd)});
  }
  return segments;
}

Result<void> add_segment(DailyCounts& counts, const OpenSegment& segment, const Period& period) {
  const auto content = read_all(segment.fd.get(), segment_limit, segment.id);
  if (!content) return std::unexpected(content.error());
  // The end may be a record that is being written now; damage is the recorder's to tell.
  const auto damage = read_segment(*content, [&](const Session& session) {
    if (period.contains(day_of(session.begin))) add(counts, session);
  });
  if (!damage) return fail(damage.error().fault, "{}: {}", segment.id, damage.error().message);
  return {};
}

Result<Snapshot> read_store(const fs::path& file, const Period& period,
                            const std::vector<std::string>& segments) {
  auto store = open_sqlite_store(file, Access::read);
  if (!store) return std::unexpected(store.error());
  return (*store)->read(period, segments);
}

}  // namespace

fs::path journal_folder(const fs::path& state_dir) {
  return state_dir / "journal";
}

fs::path store_file(const fs::path& state_dir) {
  return state_dir / "tlsrpt.sqlite";
}

Result<DailyCounts> read_counts(const fs::path& state_dir, const Period& period) {
  // First the segments, then the store: a segment that is folded in between is known there by its id.
  const auto segments = open_segments(journal_folder(state_dir));
  if (!segments) return std::unexpected(segments.error());
  std::vector<std::string> ids;
  for (const OpenSegment& segment : *segments) ids.push_back(segment.id);

  std::error_code error;
  const bool has_store = fs::exists(store_file(state_dir), error);
  if (error) return fail(Fault::permission, "{}: {}", printable(state_dir.string()), error.message());
  Snapshot snapshot;
  if (has_store) {
    auto read = read_store(store_file(state_dir), period, ids);
    if (!read) return std::unexpected(read.error());
    snapshot = std::move(*read);
  } else if (segments->empty()) {
    return fail(Fault::unavailable,
                "{}: nothing was recorded there; does tlsrpt-milter run with this state directory?",
                printable(state_dir.string()));
  }
  for (const OpenSegment& segment : *segments) {
    if (snapshot.folded.contains(segment.id)) continue;
    if (auto added = add_segment(snapshot.counts, segment, period); !added)
      return std::unexpected(added.error());
  }
  return std::move(snapshot.counts);
}

}  // namespace starttls::store
