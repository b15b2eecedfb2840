#include "store/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "store/record.h"
#include "store/segment.h"

namespace starttls::store {

namespace fs = std::filesystem;

namespace {

// Whether the open file is the one that the path names now.
bool is_at(int fd, const fs::path& path) {
  struct stat open_file{};
  struct stat named{};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

bool is_session(std::string_view framed) {
  return framed.size() > frame_head && is_counted_session(framed.substr(frame_head));
}

}  // namespace

Journal::Journal(fs::path folder, std::size_t max_held_back_bytes)
    : folder_(std::move(folder)), max_held_back_bytes_(max_held_back_bytes) {}

Result<void> Journal::open(Time now) {
  const std::lock_guard upkeep(upkeep_);
  return open_folder(now);
}

Result<void> Journal::open_folder(Time now) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(Fault::io, "{}: {}", printable(folder_.string()), error.message());
  if (auto locked = take_lock(); !locked) return locked;
  auto segment = create_segment(now);
  if (!segment) return std::unexpected(segment.error());
  const std::lock_guard guard(mutex_);
  current_ = std::move(*segment);
  return {};
}

bool Journal::holds_lock() const {
  const std::lock_guard upkeep(upkeep_);
  return has_lock();
}

bool Journal::has_lock() const {
  // The lock of a folder that was moved away says nothing about the one in its place.
  return lock_ && is_at(lock_.get(), folder_);
}

Result<void> Journal::take_lock() {
  if (has_lock()) return {};
  UniqueFd fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(Fault::io, "{}: {}", printable(folder_.string()), errno_text(errno));
  if (auto locked = lock(fd, folder_, "another process records there"); !locked) return locked;
  lock_ = std::move(fd);
  return {};
}

fs::path Journal::path_of(const std::string& id) const {
  return folder_ / (id + std::string(segment_suffix));
}

Result<std::shared_ptr<Journal::Segment>> Journal::create_segment(Time now) {
  auto segment = std::make_shared<Segment>();
  segment->id = new_segment_id(now);
  const fs::path name = path_of(segment->id);
  segment->fd = UniqueFd(::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640));
  if (!segment->fd) return fail(Fault::io, "{}: {}", printable(name.string()), errno_text(errno));
  if (const int error = write_all(segment->fd.get(), segment_magic); error != 0) {
    ::unlink(name.c_str());
    return fail(Fault::io, "{}: {}", printable(name.string()), errno_text(error));
  }
  segment->size = segment_magic.size();
  if (auto synced = sync_directory(folder_); !synced) return std::unexpected(synced.error());
  return segment;
}

void Journal::append(std::string_view payload) {
  std::string record = frame(payload);
  const std::lock_guard guard(mutex_);
  if (payload.empty() || payload.size() > max_payload_size) {
    // It would be taken for damage, and what follows it with it.
    return count(&RecordCounts::lost, record, 1);
  }
  // Held-back records go first, so that the order stays.
  if (!held_back_.empty() || !write_record(record)) hold_back(std::move(record));
}

// With the mutex held. `change`: 1 or -1.
void Journal::count(std::uint64_t RecordCounts::* what, std::string_view record, std::int64_t change) {
  const auto by = static_cast<std::uint64_t>(change);
  counters_.*what += by;
  if (is_session(record)) counters_.sessions.*what += by;
}

// With the mutex held. One write(2); a part that a full disk let through is cut off again.
bool Journal::write_record(std::string_view record) {
  if (!current_ || full_) return false;
  ssize_t put = 0;
  do {
    put = ::write(current_->fd.get(), record.data(), record.size());
  } while (put < 0 && errno == EINTR);
  if (put == static_cast<ssize_t>(record.size())) {
    current_->size += record.size();
    ++current_->records;
    if (is_session(record)) ++current_->sessions;
    count(&RecordCounts::written, record, 1);
    return true;
  }
  last_error_ = put < 0 ? errno : ENOSPC;
  if (put > 0 && ::ftruncate(current_->fd.get(), static_cast<off_t>(current_->size)) != 0) {
    current_.reset();  // nothing may follow a torn record; keep() begins a new segment
  }
  return false;
}

void Journal::hold_back(std::string record) {
  if (held_back_bytes_ + record.size() > max_held_back_bytes_) {
    return count(&RecordCounts::lost, record, 1);
  }
  held_back_bytes_ += record.size();
  count(&RecordCounts::held_back, record, 1);
  held_back_.push_back(std::move(record));
}

void Journal::write_held_back() {
  const std::lock_guard guard(mutex_);
  while (!held_back_.empty() && write_record(held_back_.front())) {
    held_back_bytes_ -= held_back_.front().size();
    count(&RecordCounts::held_back, held_back_.front(), -1);
    held_back_.pop_front();
  }
}

// Somebody removed or moved the folder, or mounted another one over it: what the segment holds can still be
// read through its descriptor. It is written again at the new place, and taken away at the old one.
Result<void> Journal::rescue_if_moved() {
  const std::lock_guard guard(mutex_);
  if (!current_ || is_at(current_->fd.get(), path_of(current_->id))) return {};
  const std::shared_ptr<Segment> gone = std::exchange(current_, nullptr);
  const auto content = ::lseek(gone->fd.get(), 0, SEEK_SET) == 0
                           ? read_all(gone->fd.get(), max_segment_size, "moved journal segment")
                           : fail(Fault::io, "journal: {}", errno_text(errno));
  const auto read =
      content ? read_segment(*content,
                             [this](const Record& record) {
                               std::string again =
                                   frame(std::visit([](const auto& what) { return encode(what); }, record));
                               count(&RecordCounts::written, again, -1);
                               hold_back(std::move(again));
                             })
              : std::unexpected(content.error());
  if (!read) {
    counters_.lost += gone->records;
    counters_.sessions.lost += gone->sessions;
    return std::unexpected(read.error());
  }
  if (::ftruncate(gone->fd.get(), 0) != 0) return fail(Fault::io, "journal: {}", errno_text(errno));
  return {};
}

Result<void> Journal::keep(Time now) {
  const std::lock_guard upkeep(upkeep_);
  if (auto rescued = rescue_if_moved(); !rescued) return rescued;
  if (current_id().empty()) {
    if (auto opened = open_folder(now); !opened) return opened;
  }
  write_held_back();
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard guard(mutex_);
    segment = current_;
    if (!held_back_.empty() && !full_) {
      return fail(Fault::io, "{}: cannot write: {}", printable(folder_.string()), errno_text(last_error_));
    }
  }
  // Outside the mutex: sessions go on being appended while the disk works.
  return sync(segment.get());
}

Result<void> Journal::sync(const Segment* segment) const {
  if (segment != nullptr && ::fdatasync(segment->fd.get()) != 0) {
    return fail(Fault::io, "{}: {}", printable(folder_.string()), errno_text(errno));
  }
  return {};
}

Result<void> Journal::continue_in(std::shared_ptr<Segment> next) {
  {
    const std::lock_guard guard(mutex_);
    current_.swap(next);
  }
  return sync(next.get());
}

Result<void> Journal::rotate(Time now) {
  const std::lock_guard upkeep(upkeep_);
  if (current_bytes() == 0) return {};
  auto next = create_segment(now);
  if (!next) return std::unexpected(next.error());
  return continue_in(std::move(*next));
}

Result<void> Journal::close() {
  const std::lock_guard upkeep(upkeep_);
  write_held_back();
  return continue_in(nullptr);
}

void Journal::unlock() {
  const std::lock_guard upkeep(upkeep_);
  lock_.reset();
}

void Journal::set_full(bool full) {
  const std::lock_guard guard(mutex_);
  full_ = full;
}

std::string Journal::current_id() const {
  const std::lock_guard guard(mutex_);
  return current_ ? current_->id : std::string();
}

std::size_t Journal::current_bytes() const {
  const std::lock_guard guard(mutex_);
  return current_ ? current_->size - segment_magic.size() : 0;
}

JournalCounters Journal::counters() const {
  const std::lock_guard guard(mutex_);
  return counters_;
}

}  // namespace starttls::store
