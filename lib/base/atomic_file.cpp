#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> cannot_write_to(const fs::path& path, std::string_view reason) {
  return fail(Fault::cannot_create, "{}: cannot write: {}", printable(path.string()), reason);
}

// No other program uses this mark in its file names, so a file with it may be removed.
constexpr std::string_view draft_mark = ".starttls-draft-";
constexpr std::size_t random_letters = 22;     // 130 bits
constexpr std::size_t old_random_letters = 6;  // in versions before 2.0
constexpr std::string_view letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// Older versions let a program write its file beside the draft. That file has the draft's name and this
// suffix. Berkeley DB adds this prefix while it creates the file.
constexpr std::string_view made_end = ".db";
constexpr std::string_view begun_start = "__db.";

bool is_letters(std::string_view text) {
  return text.find_first_not_of(letters) == text.npos;
}

// Returns the draft that a file in the target's directory is, or that it was made from. Returns "" for any
// other file.
std::string draft_of(const std::string& prefix, std::string name) {
  if (name.starts_with(begun_start) && name.ends_with(made_end)) name.erase(0, begun_start.size());
  if (!name.starts_with(prefix)) return "";
  const std::string draft = name.substr(0, name.size() - (name.ends_with(made_end) ? made_end.size() : 0));
  const std::string_view random = std::string_view(draft).substr(prefix.size());
  const bool ours = random.size() == random_letters || random.size() == old_random_letters;
  return ours && is_letters(random) ? draft : "";
}

bool is_ours(const struct stat& info) {
  return (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) && info.st_uid == ::geteuid();
}

// A private directory holds files only.
void remove_private(int directory, const std::string& name, int opened) {
  for (const std::string& inside : list_entries(opened)) ::unlinkat(opened, inside.c_str(), 0);
  ::unlinkat(directory, name.c_str(), AT_REMOVEDIR);
}

// The process that creates a draft holds its lock. This function holds the lock, too, until the file is
// removed, so that this process notices the removal.
void clear_if_abandoned(int directory, const std::string& found, const std::string& draft) {
  const UniqueFd fd(
      ::openat(directory, draft.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const bool draft_is_gone = !fd && errno == ENOENT;
  struct stat info{};
  if (::fstatat(directory, found.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !is_ours(info)) return;
  if (!draft_is_gone && (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)) return;
  if (S_ISDIR(info.st_mode)) {
    if (fd && found == draft) remove_private(directory, found, fd.get());
  } else {
    ::unlinkat(directory, found.c_str(), 0);
  }
}

// Removes the drafts of killed processes. A failure here does no harm.
void clear_abandoned(const DirectoryEntry& entry) {
  const std::string prefix = entry.name + std::string(draft_mark);
  const UniqueFd readable = entry.directory.readable();
  if (!readable) return;
  for (const std::string& name : list_entries(readable.get())) {
    const std::string draft = draft_of(prefix, name);
    if (!draft.empty()) clear_if_abandoned(readable.get(), name, draft);
  }
}

Result<std::string> new_name(const DirectoryEntry& entry) {
  std::array<unsigned char, random_letters> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return fail(Fault::cannot_create, "no random numbers: {}", errno_text(errno));
  std::string name = entry.name + std::string(draft_mark);
  for (const unsigned char byte : random) name += letters[byte % letters.size()];
  return name;
}

// The draft is locked, so that no other process removes it as an abandoned one. If one did so before we had
// the lock, we try again.
Result<std::pair<UniqueFd, std::string>> new_draft(const fs::path& target, const DirectoryEntry& entry) {
  for (;;) {
    auto name = TRY(new_name(entry));
    UniqueFd fd(::openat(entry.directory.fd(), name.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    struct stat info{};
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0 || ::fstat(fd.get(), &info) != 0) {
      return fail(write_fault(errno), "{}: cannot write there: {}", printable(target.string()),
                  errno_text(errno));
    }
    if (info.st_nlink > 0) return std::pair(std::move(fd), std::move(name));
  }
}

// Copies the permissions of the old file, but not its set-user-ID and set-group-ID bits: these let others run
// a program with its owner's rights.
constexpr mode_t kept_mode = 0777;

}  // namespace

int BufferedWriter::flush() {
  if (error_ == 0) error_ = write_all(fd_, buffer_);
  buffer_.clear();
  return error_;
}

AtomicFile::AtomicFile(fs::path target, DirectoryEntry entry, Attributes attributes, UniqueFd fd,
                       std::string name)
    : target_(std::move(target)),
      entry_(std::move(entry)),
      attributes_(attributes),
      fd_(std::move(fd)),
      name_(std::move(name)),
      writer_(fd_.get()) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      entry_(std::move(other.entry_)),
      attributes_(other.attributes_),
      fd_(std::move(other.fd_)),
      name_(std::exchange(other.name_, {})),
      private_(std::move(other.private_)),
      private_name_(std::exchange(other.private_name_, {})),
      writer_(std::move(other.writer_)) {}

AtomicFile::~AtomicFile() {
  if (!name_.empty()) ::unlinkat(entry_.directory.fd(), name_.c_str(), 0);
  if (private_) remove_private(entry_.directory.fd(), private_name_, private_.get());
}

Result<AtomicFile> AtomicFile::create(const fs::path& target, mode_t mode) {
  auto entry = find_entry(target);
  if (!entry) {
    std::string_view why = entry.error().message;
    const std::string name = printable(target.string()) + ": ";
    if (why.starts_with(name)) why.remove_prefix(name.size());
    return fail(entry.error().fault, "{}: cannot write there: {}", printable(target.string()), why);
  }
  Attributes attributes{.mode = mode};
  struct stat info{};
  if (::fstatat(entry->directory.fd(), entry->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(info.st_mode)) return cannot_write_to(target, "it is not a regular file");
    attributes = {.mode = info.st_mode & kept_mode, .owner = info.st_uid, .group = info.st_gid};
  }
  clear_abandoned(*entry);
  auto draft = TRY(new_draft(target, *entry));
  return AtomicFile(target, std::move(*entry), attributes, std::move(draft.first), std::move(draft.second));
}

std::unexpected<Error> AtomicFile::cannot_write(int error) const {
  return fail(write_fault(error), "{}: cannot write: {}", printable(target_.string()), errno_text(error));
}

Result<int> AtomicFile::move_to_private_directory(const char* name) {
  TRY(flush());
  auto made = TRY(new_name(entry_));
  const int beside = entry_.directory.fd();
  if (::mkdirat(beside, made.c_str(), 0700) != 0) return cannot_write(errno);
  private_ = UniqueFd(::openat(beside, made.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  private_name_ = std::move(made);
  struct stat info{};
  if (!private_ || ::flock(private_.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(private_.get(), &info) != 0)
    return cannot_write(errno);
  // In another user's directory, that user may have replaced the new directory meanwhile.
  if (info.st_uid != ::geteuid() || (info.st_mode & kept_mode) != 0700) return cannot_write(EPERM);
  if (::renameat(beside, name_.c_str(), private_.get(), name) != 0) return cannot_write(errno);
  // Check that the file that was moved here by its name is the one that we hold open.
  struct stat moved{};
  struct stat held{};
  if (::fstatat(private_.get(), name, &moved, AT_SYMLINK_NOFOLLOW) != 0 || ::fstat(fd_.get(), &held) != 0)
    return cannot_write(errno);
  if (moved.st_dev != held.st_dev || moved.st_ino != held.st_ino) return cannot_write(EPERM);
  return private_.get();
}

Result<void> AtomicFile::replace_with(const char* made) {
  TRY(flush());
  UniqueFd fd = open_regular(private_.get(), made, O_RDWR | O_NOFOLLOW);
  if (!fd) return cannot_write(errno);
  fd_ = std::move(fd);  // closes the old one first: it may be the same file, and holds the lock
  writer_ = BufferedWriter(fd_.get());
  if (::flock(fd_.get(), LOCK_EX) != 0 ||
      ::renameat(private_.get(), made, entry_.directory.fd(), name_.c_str()) != 0) {
    return cannot_write(errno);
  }
  remove_private(entry_.directory.fd(), private_name_, private_.get());
  private_.reset();
  return {};
}

Result<void> AtomicFile::flush() {
  if (const int error = writer_.flush(); error != 0) return cannot_write(error);
  return {};
}

Result<bool> AtomicFile::differs() {
  TRY(flush());
  const UniqueFd there = open_regular(entry_.directory.fd(), entry_.name.c_str(), O_RDONLY | O_NOFOLLOW);
  struct stat old_one{};
  struct stat new_one{};
  if (!there || ::fstat(there.get(), &old_one) != 0 || ::fstat(fd_.get(), &new_one) != 0) return true;
  return old_one.st_size != new_one.st_size || !same_content(there.get(), fd_.get());
}

Result<void> AtomicFile::finish() {
  TRY(flush());
  // Only root may change the owner of a file. For other users the file keeps its owner.
  (void)!::fchown(fd_.get(), attributes_.owner, attributes_.group);
  if (::fchmod(fd_.get(), attributes_.mode) != 0 || ::fsync(fd_.get()) != 0) return cannot_write(errno);
  return {};
}

Result<void> AtomicFile::commit() {
  const int directory = entry_.directory.fd();
  if (::renameat(directory, name_.c_str(), directory, entry_.name.c_str()) != 0) return cannot_write(errno);
  name_.clear();
  return entry_.directory.sync();
}

Result<void> AtomicFile::commit_if_new() {
  const int directory = entry_.directory.fd();
  const char* const from = name_.c_str();
  const char* const to = entry_.name.c_str();
  const bool renamed = ::renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0;
  // Not every file system supports RENAME_NOREPLACE.
  const bool is_done = renamed || (errno == EINVAL && ::linkat(directory, from, directory, to, 0) == 0);
  if (!is_done && errno != EEXIST) return cannot_write(errno);
  if (renamed) name_.clear();
  return entry_.directory.sync();
}

void AtomicFile::inherit_directory_owner() {
  struct stat info{};
  if (::geteuid() != 0 || attributes_.owner != static_cast<uid_t>(-1)) return;
  if (::fstat(entry_.directory.fd(), &info) != 0) return;
  attributes_.owner = info.st_uid;
  attributes_.group = info.st_gid;
}

Result<bool> AtomicFile::commit_if_changed() {
  const auto changed = differs();
  if (!changed || !*changed) return changed;
  TRY(finish());
  TRY(commit());
  return true;
}

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode) {
  auto draft = TRY(AtomicFile::create(path, mode));
  draft.append(content);
  TRY(draft.finish());
  return draft.commit();
}

}  // namespace starttls
