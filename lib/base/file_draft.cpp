#include "base/file_draft.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> cannot_write_to(const fs::path& path, std::string_view reason) {
  return fail(Fault::cannot_create, "{}: cannot write: {}", printable(path.string()), reason);
}

constexpr std::string_view draft_mark = ".new-";
constexpr std::size_t random_letters = 6;

bool is_draft_of(const std::string& prefix, const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with(prefix) && name.size() >= prefix.size() + random_letters;
}

// Who makes a draft holds its lock; what a program makes of a draft has the draft's name and more.
bool is_abandoned(const fs::path& draft) {
  const UniqueFd fd(::open(draft.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  return !fd || (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                 ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0);
}

// What killed processes left beside a place. Where it cannot be cleared away it is in nobody's way.
void clear_abandoned(const fs::path& place) {
  const std::string prefix = place.filename().string() + std::string(draft_mark);
  std::error_code error;
  for (fs::directory_iterator it(place.has_parent_path() ? place.parent_path() : ".", error), end;
       !error && it != end; it.increment(error)) {
    const fs::path found = it->path();
    if (!is_draft_of(prefix, found)) continue;
    const fs::path draft =
        found.parent_path() / found.filename().string().substr(0, prefix.size() + random_letters);
    if (is_abandoned(draft)) ::unlink(found.c_str());
  }
}

// Locked, so that nobody takes it for an abandoned one; who did so before the lock gets another try.
Result<std::pair<UniqueFd, fs::path>> new_draft(const fs::path& place) {
  for (;;) {
    std::string name = place.string() + std::string(draft_mark) + std::string(random_letters, 'X');
    UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
    struct stat info{};
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0 || ::fstat(fd.get(), &info) != 0) {
      return fail(Fault::cannot_create, "{}: cannot write there: {}", printable(place.string()),
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
  writing_ = std::async(std::launch::async, [fd = fd_, full = std::move(full)]() mutable {
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
  return cannot_write_to(place_, errno_text(error));
}

Result<void> FileDraft::adopt(const fs::path& made) {
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

Result<bool> update_file(const fs::path& path, std::string_view content, mode_t mode) {
  auto draft = FileDraft::beside(path, mode);
  if (!draft) return std::unexpected(draft.error());
  draft->append(content);
  const auto differs = draft->differs();
  if (!differs || !*differs) return differs;
  if (const auto finished = draft->finish(); !finished) return std::unexpected(finished.error());
  if (const auto published = draft->publish(); !published) return std::unexpected(published.error());
  return true;
}

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode) {
  auto draft = FileDraft::beside(path, mode);
  if (!draft) return std::unexpected(draft.error());
  draft->append(content);
  if (auto finished = draft->finish(); !finished) return finished;
  return draft->publish();
}

}  // namespace starttls
