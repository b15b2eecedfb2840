#include "base/file_draft.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/ahead.h"
#include "base/text.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> cannot_write_to(const fs::path& path, std::string_view reason) {
  return fail(Fault::cannot_create, "{}: cannot write: {}", printable(path.string()), reason);
}

// A name that nobody gives to a file of their own: what bears it may be cleared away.
constexpr std::string_view draft_mark = ".starttls-draft-";
constexpr std::size_t random_letters = 6;

// What a program makes of a draft has the draft's name and this end; Berkeley DB begins it with this start.
constexpr std::string_view made_end = ".db";
constexpr std::string_view begun_start = "__db.";

bool is_letters(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

// Of a file in the place's folder: the draft that it is, or was made of; "" where it is nothing of the kind.
std::string draft_of(const std::string& prefix, std::string name) {
  if (name.starts_with(begun_start) && name.ends_with(made_end)) name.erase(0, begun_start.size());
  if (!name.starts_with(prefix) || name.size() < prefix.size() + random_letters) return "";
  const std::string draft = name.substr(0, prefix.size() + random_letters);
  const std::string_view end = std::string_view(name).substr(draft.size());
  const bool ours = is_letters(draft.substr(prefix.size())) && (end.empty() || end == made_end);
  return ours ? draft : "";
}

bool is_ours(const struct stat& info) {
  return S_ISREG(info.st_mode) && info.st_uid == ::geteuid();
}

// Who makes a draft holds its lock. It is held here, too, until the file is gone, so that its maker sees
// that.
void clear_if_abandoned(const fs::path& found, const fs::path& draft) {
  const UniqueFd fd(::open(draft.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const bool draft_is_gone = !fd && errno == ENOENT;
  struct stat info{};
  if (::lstat(found.c_str(), &info) != 0 || !is_ours(info)) return;
  if (draft_is_gone || (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)) ::unlink(found.c_str());
}

// What killed processes left beside a place. Where it cannot be cleared away it is in nobody's way.
void clear_abandoned(const fs::path& place) {
  const std::string prefix = place.filename().string() + std::string(draft_mark);
  std::error_code error;
  for (fs::directory_iterator it(place.has_parent_path() ? place.parent_path() : ".", error), end;
       !error && it != end; it.increment(error)) {
    const std::string draft = draft_of(prefix, it->path().filename().string());
    if (!draft.empty()) clear_if_abandoned(it->path(), it->path().parent_path() / draft);
  }
}

// Locked, so that nobody takes it for an abandoned one; who did so before the lock gets another try.
Result<std::pair<UniqueFd, fs::path>> new_draft(const fs::path& place) {
  for (;;) {
    std::string name = place.string() + std::string(draft_mark) + std::string(random_letters, 'X');
    UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
    struct stat info{};
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0 || ::fstat(fd.get(), &info) != 0) {
      return fail(fault_for_writing(errno), "{}: cannot write there: {}", printable(place.string()),
                  errno_text(errno));
    }
    if (info.st_nlink > 0) return std::pair(std::move(fd), fs::path(name));
  }
}

}  // namespace

void BufferedWriter::await() {
  if (!writing_.valid()) return;
  Written written = writing_.get();
  if (error_ == 0) error_ = written.error;
  spare_ = std::move(written.buffer);
}

void BufferedWriter::hand_over() {
  await();
  std::string full = std::exchange(buffer_, std::move(spare_));
  buffer_.clear();
  if (error_ != 0) return;
  writing_ = do_ahead([fd = fd_, full = std::move(full)]() mutable {
    const int error = write_all(fd, full);
    return Written{.buffer = std::move(full), .error = error};
  });
}

int BufferedWriter::flush() {
  await();
  if (error_ == 0) error_ = write_all(fd_, buffer_);
  buffer_.clear();
  return error_;
}

FileDraft::FileDraft(fs::path place, Attributes attributes, UniqueFd fd, fs::path path)
    : place_(std::move(place)),
      attributes_(attributes),
      fd_(std::move(fd)),
      path_(std::move(path)),
      writer_(fd_.get()) {}

FileDraft::FileDraft(FileDraft&& other) noexcept
    : place_(std::move(other.place_)),
      attributes_(other.attributes_),
      fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      writer_(std::move(other.writer_)) {}

FileDraft::~FileDraft() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<FileDraft> FileDraft::beside(const fs::path& place, mode_t mode) {
  fs::path target = place;
  Attributes attributes{.mode = mode};
  struct stat info{};
  if (::lstat(place.c_str(), &info) == 0) {
    if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      target = fs::canonical(place, error);
      if (error || ::stat(target.c_str(), &info) != 0) {
        return cannot_write_to(place, "the symbolic link leads nowhere");
      }
    }
    if (!S_ISREG(info.st_mode)) return cannot_write_to(place, "it is not a regular file");
    attributes = {.mode = info.st_mode & 07777U, .owner = info.st_uid, .group = info.st_gid};
  }
  clear_abandoned(target);
  auto draft = new_draft(target);
  if (!draft) return std::unexpected(draft.error());
  return FileDraft(std::move(target), attributes, std::move(draft->first), std::move(draft->second));
}

std::unexpected<Error> FileDraft::cannot_write(int error) const {
  return fail(fault_for_writing(error), "{}: cannot write: {}", printable(place_.string()),
              errno_text(error));
}

Result<void> FileDraft::adopt(const fs::path& made) {
  if (auto flushed = flush(); !flushed) return flushed;
  UniqueFd fd(::open(made.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0 || ::rename(made.c_str(), path_.c_str()) != 0) {
    return cannot_write(errno);
  }
  fd_ = std::move(fd);
  writer_ = BufferedWriter(fd_.get());
  return {};
}

Result<void> FileDraft::flush() {
  if (const int error = writer_.flush(); error != 0) return cannot_write(error);
  return {};
}

Result<bool> FileDraft::differs() {
  if (const auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
  const UniqueFd there(::open(place_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat old_one{};
  struct stat new_one{};
  if (!there || ::fstat(there.get(), &old_one) != 0 || ::fstat(fd_.get(), &new_one) != 0) return true;
  return old_one.st_size != new_one.st_size || !same_content(there.get(), fd_.get());
}

Result<void> FileDraft::finish() {
  if (const auto flushed = flush(); !flushed) return flushed;
  // Only root may give a file away; for others it stays theirs.
  (void)!::fchown(fd_.get(), attributes_.owner, attributes_.group);
  if (::fchmod(fd_.get(), attributes_.mode) != 0 || ::fsync(fd_.get()) != 0) return cannot_write(errno);
  return {};
}

Result<void> FileDraft::publish() {
  if (::rename(path_.c_str(), place_.c_str()) != 0) return cannot_write(errno);
  path_.clear();
  return sync_directory(place_.parent_path());
}

Result<bool> FileDraft::publish_if_changed() {
  const auto changed = differs();
  if (!changed || !*changed) return changed;
  if (const auto finished = finish(); !finished) return std::unexpected(finished.error());
  if (const auto published = publish(); !published) return std::unexpected(published.error());
  return true;
}

Result<bool> update_file(const fs::path& path, std::string_view content, mode_t mode) {
  auto draft = FileDraft::beside(path, mode);
  if (!draft) return std::unexpected(draft.error());
  draft->append(content);
  return draft->publish_if_changed();
}

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode) {
  auto draft = FileDraft::beside(path, mode);
  if (!draft) return std::unexpected(draft.error());
  draft->append(content);
  if (auto finished = draft->finish(); !finished) return finished;
  return draft->publish();
}

}  // namespace starttls
