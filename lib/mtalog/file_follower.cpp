#include "mtalog/file_follower.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>
#include <vector>

#include "base/text.h"

namespace starttls::mtalog {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t piece_size = 65536;     // bytes read at once
constexpr std::size_t step_size = 1U << 20U;  // bytes that are read before other events of the loop
constexpr auto look_again = 5s;               // when no change is reported
constexpr auto position_interval = 60s;
constexpr std::uint64_t position_bytes = 4U << 20U;
constexpr std::uint64_t max_unknown_lines = 20;  // then the log counts as one in an unknown form
constexpr std::uint32_t max_begin_size = 128;    // bytes that distinguish files with the same inode

std::optional<std::string> first_bytes(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd, bytes.data(), size, 0);
  if (got < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

LogFileId log_file_id(int fd) {
  struct stat info{};
  const auto begin = first_bytes(fd, max_begin_size);
  if (::fstat(fd, &info) != 0 || !begin) return {};
  return {.inode = info.st_ino,
          .begin_size = static_cast<std::uint32_t>(begin->size()),
          .begin_crc = checksum(*begin)};
}

bool begins_as(int fd, const LogFileId& identity) {
  const auto begin = first_bytes(fd, std::min(identity.begin_size, max_begin_size));
  return begin && begin->size() == identity.begin_size && checksum(*begin) == identity.begin_crc;
}

bool is_file(int fd, const LogFileId& identity) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && info.st_ino == identity.inode && begins_as(fd, identity);
}

UniqueFd open_log(const fs::path& file) {
  return open_regular(AT_FDCWD, file.c_str());
}

std::uint64_t current_size(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool is_compressed(const fs::path& file) {
  const std::string end = file.extension().string();
  return end == ".gz" || end == ".xz" || end == ".bz2" || end == ".zst";
}

// A file that the log was renamed to by rotations: "mail.log.2", "mail.log-20261126".
struct Renamed {
  fs::file_time_type written;
  fs::path path;

  // Returns 2 for "mail.log.2", 0 for other forms.
  unsigned number() const {
    const std::string end = path.extension().string();
    unsigned found = 0;
    if (end.size() > 1) std::from_chars(end.data() + 1, end.data() + end.size(), found);
    return found;
  }
  bool is_before(const Renamed& other) const {
    return written != other.written ? written < other.written : number() > other.number();
  }
};

// Oldest first.
std::vector<Renamed> renamed(const fs::path& file) {
  std::vector<Renamed> found;
  const std::string name = file.filename().string();
  std::error_code error;
  for (fs::directory_iterator entry(file.parent_path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string other = entry->path().filename().string();
    if (other.size() <= name.size() || !other.starts_with(name) || is_compressed(entry->path())) continue;
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    found.push_back({.written = entry->last_write_time(gone), .path = entry->path()});
  }
  std::ranges::stable_sort(found,
                           [](const Renamed& one, const Renamed& other) { return one.is_before(other); });
  return found;
}

bool is_at(int fd, const fs::path& path) {
  struct stat open_file{};
  struct stat named{};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino;
}

// The present identity of the position's file. Rotation with copytruncate leaves the lines in a copy with
// another inode. The copy is recognised by its first bytes, if there are enough of them, and by its size.
std::optional<LogFileId> identity_now(const std::deque<UniqueFd>& files, const FileOffset& place) {
  const auto same =
      std::ranges::find_if(files, [&](const UniqueFd& fd) { return is_file(fd.get(), place.file); });
  if (same != files.end()) return log_file_id(same->get());
  if (place.file.begin_size < max_begin_size) return std::nullopt;
  const auto copy = std::ranges::find_if(files, [&](const UniqueFd& fd) {
    return begins_as(fd.get(), place.file) && current_size(fd.get()) >= place.offset;
  });
  return copy == files.end() ? std::nullopt : std::optional(log_file_id(copy->get()));
}

// The log's files at one moment, oldest first. The log itself is included if it is not empty.
std::deque<UniqueFd> open_rotated_files(const fs::path& file) {
  std::deque<UniqueFd> files;
  // After a rotation during the loop, the order would be wrong, or one file would be included twice.
  for (int attempt = 0; attempt < 10; ++attempt) {
    files.clear();
    std::vector<Renamed> named = renamed(file);
    named.push_back({.written = {}, .path = file});
    for (const Renamed& one : named) {
      UniqueFd fd = open_log(one.path);
      if (fd && (one.path != file || current_size(fd.get()) > 0)) files.push_back(std::move(fd));
    }
    std::size_t at = 0;
    for (const Renamed& one : named) {
      if (at < files.size() && is_at(files[at].get(), one.path)) ++at;
    }
    if (at == files.size()) break;
  }
  return files;
}

}  // namespace

Result<std::unique_ptr<Follower>> FileFollower::start(event::Loop& loop, fs::path file,
                                                      const std::optional<session::LogPosition>& from,
                                                      Clock clock, std::unique_ptr<LineParser> parser) {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return fail(Fault::unavailable, "inotify: {}", errno_text(errno));
  std::unique_ptr<FileFollower> made(
      new FileFollower(loop, std::move(file), std::move(clock), std::move(parser), std::move(inotify)));
  made->begin(from);
  return made;
}

FileFollower::FileFollower(event::Loop& loop, fs::path file, Clock clock, std::unique_ptr<LineParser> parser,
                           UniqueFd inotify)
    : loop_(loop),
      file_(std::move(file)),
      clock_(std::move(clock)),
      parser_(std::move(parser)),
      inotify_(std::move(inotify)),
      look_again_(loop, [this] { on_change(); }),
      given_at_(clock_()) {
  changes_.emplace(loop_, inotify_.get(), event::DescriptorWatcher::For::reading, [this] {
    std::array<char, 4096> ignored{};
    while (::read(inotify_.get(), ignored.data(), ignored.size()) > 0) {
    }
    on_change();
  });
}

void FileFollower::begin(const std::optional<session::LogPosition>& from) {
  const auto position = from ? parse_file_position(from->text) : std::nullopt;
  if (from) number_ = from->number;
  if (position) times_ = LocalTimes(position->time);
  if (position) {
    resume(*position);
  } else if (UniqueFd fd = open_log(file_)) {
    const std::uint64_t end = current_size(fd.get());
    use(std::move(fd), end);
  }
  watch();
  on_change();
}

// Continues in the file of the position, which may have a new name, and then in the files that were created
// after it.
void FileFollower::resume(const FilePosition& position) {
  rotated_ = open_rotated_files(file_);
  const auto needed = identity_now(rotated_, position.needed);
  const auto given = identity_now(rotated_, position.given);
  if (!needed && !given) {
    rotated_.clear();
    log_warning(
        "{}: where it was read up to is gone; it is read from its beginning, and what was written before is "
        "missed",
        printable(file_.string()));
    return;
  }
  if (!needed) {
    log_warning("{}: lines of unfinished sessions are gone; {} is not known", printable(file_.string()),
                parser_->words().unknown);
  }
  if (given) skip_in_ = {.file = *given, .offset = position.given.offset};
  forget_until(needed ? *needed : *given);
  UniqueFd fd = std::move(rotated_.front());
  rotated_.pop_front();
  use(std::move(fd), needed ? position.needed.offset : 0);
}

// Makes the file of this identity the first of `rotated_`. Returns false if there is none.
bool FileFollower::forget_until(const LogFileId& identity) {
  const auto found =
      std::ranges::find_if(rotated_, [&](const UniqueFd& fd) { return is_file(fd.get(), identity); });
  if (found == rotated_.end()) return false;
  rotated_.erase(rotated_.begin(), found);
  return true;
}

void FileFollower::watch() {
  // Watches the directory for a new file with the log's name. This fails if the directory does not exist yet.
  (void)::inotify_add_watch(inotify_.get(), file_.parent_path().c_str(), IN_CREATE | IN_MOVED_TO);
}

void FileFollower::on_change() {
  if (!std::exchange(step_posted_, true)) {
    loop_.post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) step();
    });
  }
}

void FileFollower::step() {
  step_posted_ = false;
  const std::uint64_t before = lines_.stream_end();
  while (read_some() || turn_to_next()) {
    if (lines_.stream_end() - before < step_size) continue;
    on_change();
    return;
  }
  is_at_end_ = true;
  const bool is_due = clock_() - given_at_ >= position_interval || clock_() < given_at_;
  const std::uint64_t unsaid = lines_.line_end() - given_place_;
  if (unsaid >= position_bytes || (unsaid > 0 && is_due)) report_position();
  look_again_.start(look_again);
}

// Reads the next piece of the current file. Returns false at its end.
bool FileFollower::read_some() {
  if (sources_.empty()) return false;
  if (is_cut()) return start_again();
  Source& source = sources_.rbegin()->second;
  std::array<char, piece_size> piece;
  const ssize_t got = ::read(source.fd.get(), piece.data(), piece.size());
  if (got <= 0) {
    if (got < 0 && errno != EAGAIN && errno != EINTR) log_failure(errno);
    return false;
  }
  note_identity(source);
  lines_.feed(std::string_view(piece.data(), static_cast<std::size_t>(got)),
              [this](std::string_view line, std::uint64_t place) { on_line(line, place); });
  return true;
}

// Whether the file was truncated and is written from its beginning. By now it may be longer than before.
bool FileFollower::is_cut() const {
  const Source& source = sources_.rbegin()->second;
  const std::uint64_t read_to = lines_.stream_end() - source.base;
  if (current_size(source.fd.get()) < read_to) return true;
  const auto begin = first_bytes(source.fd.get(), source.identity.begin_size);
  return begin && checksum(*begin) != source.identity.begin_crc;
}

bool FileFollower::start_again() {
  UniqueFd same = std::move(sources_.rbegin()->second.fd);
  if (::lseek(same.get(), 0, SEEK_SET) != 0) return false;
  // Lines before the truncation that were not read again are lost. The lines that are read now are new, so
  // they must not be skipped.
  if (skip_until_) skip_until_ = std::min(*skip_until_, lines_.stream_end());
  use(std::move(same), 0);
  return true;
}

// Called at the end of a file. Returns whether there is more to read now.
bool FileFollower::turn_to_next() {
  if (sources_.empty() || !rotated_.empty()) return open_next();
  const Source& source = sources_.rbegin()->second;
  if (!has_successor(source)) return false;
  // First read what the writer added to the renamed file before it opened the new one.
  if (read_some()) return true;
  // Several files may have been created since the last check.
  rotated_ = open_rotated_files(file_);
  if (forget_until(source.identity)) {
    rotated_.pop_front();
  } else {
    rotated_.clear();
  }
  return open_next();
}

// Whether the log's name is by now that of another file, which has lines.
bool FileFollower::has_successor(const Source& source) const {
  struct stat named{};
  const auto is_another = [&] {
    return ::stat(file_.c_str(), &named) == 0 && named.st_ino != source.identity.inode;
  };
  if (!is_another()) return false;
  if (named.st_size > 0) return true;
  // Its first line is the next event; it may have been written meanwhile.
  (void)::inotify_add_watch(inotify_.get(), file_.c_str(), IN_MODIFY);
  return is_another() && named.st_size > 0;
}

bool FileFollower::open_next() {
  UniqueFd fd;
  if (rotated_.empty()) {
    fd = open_log(file_);
    if (!fd) log_failure(errno);
  } else {
    fd = std::move(rotated_.front());
    rotated_.pop_front();
  }
  if (!fd) return false;
  use(std::move(fd), 0);
  if (rotated_.empty()) skip_in_.reset();  // the end of the reported failures is behind us, or in no file
  return true;
}

void FileFollower::use(UniqueFd fd, std::uint64_t offset) {
  if (!sources_.empty()) sources_.rbegin()->second.fd.reset();
  const std::uint64_t base = sources_.empty() ? 0 : lines_.stream_end();
  offset = std::min(offset, current_size(fd.get()));
  ::lseek(fd.get(), static_cast<off_t>(offset), SEEK_SET);
  lines_.restart(base + offset);
  if (sources_.empty()) given_place_ = base + offset;
  if (skip_in_ && is_file(fd.get(), skip_in_->file)) {
    skip_until_ = base + skip_in_->offset;
    skip_in_.reset();
  }
  const int descriptor = fd.get();
  sources_.insert_or_assign(base,
                            Source{.fd = std::move(fd), .identity = log_file_id(descriptor), .base = base});
  const std::string itself = "/proc/self/fd/" + std::to_string(descriptor);
  (void)::inotify_add_watch(inotify_.get(), itself.c_str(), IN_MODIFY);
  // After a restart before the first failure, reading must continue here.
  if (number_ == 0) report_position();
}

// A file that was empty when it was opened may have its first bytes now.
void FileFollower::note_identity(Source& source) {
  if (source.identity.begin_size < max_begin_size) source.identity = log_file_id(source.fd.get());
}

void FileFollower::on_line(std::string_view text, std::uint64_t place) {
  if (text.empty()) return;
  ++read_lines_;
  const auto line = split(text);
  const auto time = line ? times_.resolve(line->stamp, clock_(), is_at_end_) : std::nullopt;
  check_form(time.has_value(), text);
  if (!time) return;
  const bool has_ended = parser_->add(*line, *time, place);
  const bool was_reported = skip_in_ || (skip_until_ && place < *skip_until_);
  if (has_ended && !was_reported) parser_->report(position_at(place + text.size() + 1));
}

// Logs this once, since the form of the whole log is wrong, not that of one line.
void FileFollower::check_form(bool is_known, std::string_view text) {
  is_form_known_ = is_form_known_ || is_known;
  unknown_in_a_row_ = is_known ? 0 : unknown_in_a_row_ + 1;
  if (is_known || is_form_logged_) return;
  if ((is_form_known_ || !parser_->is_of_mail_server(text)) && unknown_in_a_row_ < max_unknown_lines) return;
  is_form_logged_ = true;
  const LineParser::Words words = parser_->words();
  log_warning("{}: its lines have an unknown form, so {} are missing; {} lists the forms; such a line: '{}'",
              printable(file_.string()), words.subject, words.manual, printable(text, 200));
}

LogReading FileFollower::reading() const {
  return {.lines = read_lines_,
          .session_lines = parser_->session_lines(),
          .unclear_lines = parser_->unclear_lines()};
}

void FileFollower::report_position() {
  parser_->report_position(position_at(lines_.line_end()));
}

session::LogPosition FileFollower::position_at(std::uint64_t end) {
  const std::uint64_t needed = std::min(parser_->first_needed().value_or(end), end);
  // Until all lines that were reported before have been read again, another restart must not report them
  // again either.
  const std::uint64_t given = std::max(end, skip_until_.value_or(0));
  given_place_ = end;
  given_at_ = clock_();
  const auto needed_time = parser_->first_needed_time();
  const FilePosition position{.needed = file_place(needed),
                              .given = skip_in_ ? *skip_in_ : file_place(given),
                              .time = needed_time ? needed_time : times_.last()};
  sources_.erase(sources_.begin(), std::prev(sources_.upper_bound(needed)));
  return {.number = ++number_, .text = to_string(position)};
}

FileOffset FileFollower::file_place(std::uint64_t place) const {
  const auto& [base, source] = *std::prev(sources_.upper_bound(place));
  return {.file = source.identity, .offset = place - base};
}

void FileFollower::log_failure(int error) {
  if (failure_log_.permit(clock_())) {
    const auto readable = error == EACCES ? check_readable(file_.string()) : Result<void>();
    log_warning("{}; {} are missing meanwhile",
                readable ? fmt::format("{}: {}", printable(file_.string()), errno_text(error))
                         : readable.error().message,
                parser_->words().subject);
  }
}

}  // namespace starttls::mtalog
