#include "journal/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/file_stamp.h"
#include "base/text.h"
#include "base/try.h"
#include "journal/segment.h"

namespace starttls::journal {

namespace fs = std::filesystem;

namespace {

// Whether the path still names the open file.
bool is_at(int fd, const fs::path& path) {
  struct stat open_file{};
  return ::fstat(fd, &open_file) == 0 && file_id(open_file) == file_id(path);
}

}  // namespace

Journal::Journal(fs::path directory, std::size_t max_held_back_bytes, IsCounted is_counted)
    : directory_(std::move(directory)),
      max_held_back_bytes_(max_held_back_bytes),
      output_(Output(std::move(is_counted))) {}

Result<void> Journal::open(Time now) {
  const auto lock = lock_.lock();
  return open_directory(*lock, now);
}

Result<void> Journal::open_directory(DirectoryLock& lock, Time now) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return fail(Fault::io, "{}: {}", printable(directory_.string()), error.message());
  TRY(take_lock(lock));
  auto segment = TRY(create_segment(now));
  output_.lock()->current = std::move(segment);
  return {};
}

bool Journal::holds_lock() const {
  return is_locked(*lock_.lock());
}

bool Journal::is_locked(const DirectoryLock& lock) const {
  // After the directory was moved, the lock does not apply to the directory that is now at this path.
  return lock && is_at(lock.get(), directory_);
}

Result<void> Journal::take_lock(DirectoryLock& lock) const {
  if (is_locked(lock)) return {};
  UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(Fault::io, "{}: {}", printable(directory_.string()), errno_text(errno));
  TRY(starttls::lock(fd, directory_, "another process records there"));
  lock = std::move(fd);
  return {};
}

fs::path Journal::segment_path(const std::string& id) const {
  return directory_ / (id + std::string(segment_suffix));
}

Result<std::shared_ptr<Journal::Segment>> Journal::create_segment(Time now) const {
  auto segment = std::make_shared<Segment>();
  segment->id = new_segment_id(now);
  const fs::path name = segment_path(segment->id);
  segment->fd = UniqueFd(::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640));
  if (!segment->fd) return fail(Fault::io, "{}: {}", printable(name.string()), errno_text(errno));
  if (const int error = write_all(segment->fd.get(), segment_magic); error != 0) {
    ::unlink(name.c_str());
    return fail(Fault::io, "{}: {}", printable(name.string()), errno_text(error));
  }
  segment->size = segment_magic.size();
  TRY(sync_directory(directory_));
  return segment;
}

namespace {

// A reader would take an empty or too large record, and everything after it, for damage.
bool is_acceptable(std::string_view payload) {
  return !payload.empty() && payload.size() <= max_payload_size;
}

}  // namespace

void Journal::append(std::string_view payload) {
  std::string record = frame(payload);
  const auto output = output_.lock();
  if (!is_acceptable(payload)) return output->count(&RecordCounts::lost, record, 1);
  output->append(std::move(record), max_held_back_bytes_);
}

void Journal::append(std::span<const std::string> payloads) {
  std::size_t size = 0;
  for (const std::string& payload : payloads) size += frame_head + payload.size();
  std::string all;
  all.reserve(size);
  std::vector<std::size_t> ends;
  ends.reserve(payloads.size());
  for (const std::string& payload : payloads) {
    if (is_acceptable(payload)) append_frame(all, payload);
    ends.push_back(all.size());
  }
  const auto output = output_.lock();
  const bool is_written = output->held_back.empty() && output->write_bytes(all);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < payloads.size(); begin = ends[i], ++i) {
    const std::string_view record = std::string_view(all).substr(begin, ends[i] - begin);
    if (record.empty()) {
      output->count(&RecordCounts::lost, frame(payloads[i]), 1);
    } else if (is_written) {
      output->count_written(record);
    } else {
      output->append(std::string(record), max_held_back_bytes_);
    }
  }
}

// Held-back records are written first, by keep(), so that the order stays.
void Journal::Output::append(std::string record, std::size_t max_bytes) {
  if (!held_back.empty() || !write(record)) hold_back(std::move(record), max_bytes);
}

void Journal::Output::count(std::uint64_t RecordCounts::* what, std::string_view record,
                            std::int64_t change) {
  const auto by = static_cast<std::uint64_t>(change);
  counters.*what += by;
  if (is_counted_record(record)) counters.counted.*what += by;
}

bool Journal::Output::is_counted_record(std::string_view framed) const {
  return framed.size() > frame_head && (!is_counted || is_counted(framed.substr(frame_head)));
}

bool Journal::Output::write(std::string_view record) {
  if (!write_bytes(record)) return false;
  count_written(record);
  return true;
}

void Journal::Output::count_written(std::string_view record) {
  ++current->records;
  if (is_counted_record(record)) ++current->counted;
  count(&RecordCounts::written, record, 1);
}

// If a full disk lets only a part through, that part is cut off again.
bool Journal::Output::write_bytes(std::string_view bytes) {
  if (!current || is_full) return false;
  if (current->size + bytes.size() > max_segment_size) {  // which nobody could read
    last_error = EFBIG;
    return false;
  }
  ssize_t written = 0;
  do {
    written = ::write(current->fd.get(), bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(bytes.size())) {
    current->size += bytes.size();
    return true;
  }
  last_error = written < 0 ? errno : ENOSPC;
  if (written > 0 && ::ftruncate(current->fd.get(), static_cast<off_t>(current->size)) != 0) {
    current.reset();  // nothing may follow an incomplete record; keep() begins a new segment
  }
  return false;
}

void Journal::Output::hold_back(std::string record, std::size_t max_bytes) {
  if (held_back_bytes + record.size() > max_bytes) return count(&RecordCounts::lost, record, 1);
  held_back_bytes += record.size();
  count(&RecordCounts::held_back, record, 1);
  held_back.push_back(std::move(record));
}

void Journal::Output::write_held_back() {
  while (!held_back.empty() && write(held_back.front())) {
    held_back_bytes -= held_back.front().size();
    count(&RecordCounts::held_back, held_back.front(), -1);
    held_back.pop_front();
  }
}

// If the directory was removed or moved, or another one was mounted over it, the segment can still be read
// through its descriptor. Its records are written again at the path, and removed from the old file.
Result<void> Journal::rescue_if_moved() {
  const auto output = output_.lock();
  if (!output->current || is_at(output->current->fd.get(), segment_path(output->current->id))) return {};
  const std::shared_ptr<Segment> moved = std::exchange(output->current, nullptr);
  const auto again = [&](std::string_view payload) {
    std::string framed = frame(payload);
    output->count(&RecordCounts::written, framed, -1);
    output->hold_back(std::move(framed), max_held_back_bytes_);
    return true;
  };
  const auto read_all_records = [&]() -> Result<SegmentDamage> {
    if (::lseek(moved->fd.get(), 0, SEEK_SET) != 0) return fail(Fault::io, "journal: {}", errno_text(errno));
    return read_segment(TRY(read_all(moved->fd.get(), max_segment_size, "moved journal segment")), again);
  };
  const auto read = read_all_records();
  if (!read) {
    output->counters.lost += moved->records;
    output->counters.counted.lost += moved->counted;
  }
  TRY(read);
  if (::ftruncate(moved->fd.get(), 0) != 0) return fail(Fault::io, "journal: {}", errno_text(errno));
  return {};
}

Result<void> Journal::keep(Time now) {
  const auto lock = lock_.lock();
  TRY(rescue_if_moved());
  if (current_id().empty()) TRY(open_directory(*lock, now));
  std::shared_ptr<Segment> segment;
  {
    const auto output = output_.lock();
    output->write_held_back();
    segment = output->current;
    if (!output->held_back.empty() && !output->is_full) {
      return fail(Fault::io, "{}: cannot write: {}", printable(directory_.string()),
                  errno_text(output->last_error));
    }
  }
  // The output is not locked here: records can be appended during the disk's work.
  return sync(segment.get());
}

Result<void> Journal::sync(const Segment* segment) const {
  if (segment != nullptr && ::fdatasync(segment->fd.get()) != 0) {
    return fail(Fault::io, "{}: {}", printable(directory_.string()), errno_text(errno));
  }
  return {};
}

Result<void> Journal::continue_in(std::shared_ptr<Segment> next) {
  output_.lock()->current.swap(next);
  return sync(next.get());
}

Result<void> Journal::rotate(Time now) {
  const auto lock = lock_.lock();
  if (current_bytes() == 0) return {};
  return continue_in(TRY(create_segment(now)));
}

Result<void> Journal::close() {
  const auto lock = lock_.lock();
  output_.lock()->write_held_back();
  return continue_in(nullptr);
}

void Journal::unlock() {
  lock_.lock()->reset();
}

void Journal::set_full(bool full) {
  output_.lock()->is_full = full;
}

Result<std::vector<fs::path>> Journal::closed_segments() const {
  // A new segment is there a moment before it is the current one: not while this lock is held.
  const auto lock = lock_.lock();
  auto segments = TRY(list_segments(directory_));
  std::erase_if(segments,
                [current = current_id()](const fs::path& segment) { return segment_id(segment) == current; });
  return segments;
}

std::string Journal::current_id() const {
  const auto output = output_.lock();
  return output->current ? output->current->id : std::string();
}

std::size_t Journal::current_bytes() const {
  const auto output = output_.lock();
  return output->current ? output->current->size - segment_magic.size() : 0;
}

JournalCounters Journal::counters() const {
  return output_.lock()->counters;
}

}  // namespace starttls::journal
