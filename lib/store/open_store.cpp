#include "store/open_store.h"

#include <fcntl.h>

#include <cerrno>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "store/segment.h"
#include "store/writer.h"

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
    UniqueFd fd = open_regular(AT_FDCWD, path.c_str());
    if (!fd && errno == ENOENT) continue;  // folded meanwhile, so it is in the store
    if (!fd) {
      const Fault fault = errno == EACCES ? Fault::permission : Fault::io;
      return fail(fault, "{}: {}", printable(path.string()), errno_text(errno));
    }
    segments.push_back({segment_id(path), std::move(fd)});
  }
  return segments;
}

Result<void> add_segment(SegmentContent& unfolded, const OpenSegment& segment) {
  const auto content = read_all(segment.fd.get(), max_segment_size, segment.id);
  if (!content) return std::unexpected(content.error());
  // The end may be a record that is being written now; damage is the recorder's to tell.
  const auto damage = read_segment(*content, [&](Record record) { unfolded.add(std::move(record)); });
  if (!damage) return fail(damage.error().fault, "{}: {}", segment.id, damage.error().message);
  return {};
}

}  // namespace

fs::path journal_directory(const fs::path& state_dir) {
  return state_dir / "journal";
}

fs::path store_file(const fs::path& state_dir) {
  return state_dir / "tlsrpt.sqlite";
}

Result<std::unique_ptr<Store>> open_store(const StoreLocation& place, Access access) {
  if (place.store_url.empty()) return open_sqlite_store(store_file(place.state_dir), access);
  const auto writer = access == Access::owner ? writer_id(place.state_dir) : std::string();
  if (!writer) return std::unexpected(writer.error());
  return open_postgres_store(place.store_url, *writer, access);
}

namespace {

// Whether there is a store to be read.
Result<bool> has_store(const StoreLocation& place) {
  std::error_code error;
  const bool found = !place.store_url.empty() || fs::exists(store_file(place.state_dir), error);
  if (error) return fail(Fault::permission, "{}: {}", printable(place.state_dir.string()), error.message());
  return found;
}

}  // namespace

Result<std::vector<Downgrade>> read_downgrades(const StoreLocation& place, const Period& period) {
  const auto found = has_store(place);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::vector<Downgrade>();
  auto store = open_store(place, Access::read);
  if (!store) return std::unexpected(store.error());
  return (*store)->downgrades(period);
}

Result<std::set<std::string>> senders_in_journal(const StoreLocation& place,
                                                 const SendingDomainFinder& sending_domain) {
  const auto segments = open_segments(journal_directory(place.state_dir));
  if (!segments) return std::unexpected(segments.error());
  SegmentContent content(sending_domain);
  for (const OpenSegment& segment : *segments) {
    if (auto added = add_segment(content, segment); !added) return std::unexpected(added.error());
  }
  std::set<std::string> found;
  for (const auto& [domain, sender] : content.senders) found.insert(domain);
  return found;
}

Result<DailyCounts> read_counts(const StoreLocation& place, const Period& period) {
  DailyCounts counts;
  auto done = read_counts(place, period, [&](const SessionClass& of, const ClassCount& count) {
    add(counts, DailyCounts{{of, count}});
  });
  if (!done) return std::unexpected(done.error());
  return counts;
}

Result<void> read_counts(const StoreLocation& place, const Period& period, const CountSink& take) {
  // First the segments, then the store: a segment that is folded in between is known there by its id.
  const auto segments = open_segments(journal_directory(place.state_dir));
  if (!segments) return std::unexpected(segments.error());
  std::vector<std::string> ids;
  for (const OpenSegment& segment : *segments) ids.push_back(segment.id);

  const auto found = has_store(place);
  if (!found) return std::unexpected(found.error());
  if (!*found && segments->empty()) {
    return fail(Fault::unavailable,
                "{}: nothing was recorded there; does tlsrpt-milter run with this state directory?",
                printable(place.state_dir.string()));
  }
  Snapshot snapshot;
  if (*found) {
    auto store = open_store(place, Access::read);
    auto read = store ? (*store)->read(period, ids, take) : std::unexpected(store.error());
    if (!read) return std::unexpected(read.error());
    snapshot = std::move(*read);
  }
  const SendingDomainFinder nobody = [](const std::string&) { return std::string(); };
  SegmentContent unfolded(nobody);
  for (const OpenSegment& segment : *segments) {
    if (snapshot.folded.contains(segment.id)) continue;
    if (auto added = add_segment(unfolded, segment); !added) return std::unexpected(added.error());
  }
  for (const auto& [of, count] : unfolded_counts(snapshot, std::move(unfolded), period)) take(of, count);
  return {};
}

}  // namespace starttls::store
