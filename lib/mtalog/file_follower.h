// A log file that grows and is rotated (inotify(7)).
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "event/loop.h"
#include "mtalog/follower.h"
#include "mtalog/line_buffer.h"
#include "mtalog/line_parser.h"
#include "mtalog/local_times.h"
#include "mtalog/positions.h"

namespace starttls::mtalog {

// Reads a file to its end and continues as it grows. After a rotation it changes to the new file when that
// has lines, because rsyslogd and others write to the renamed file for a while. If a file gets shorter, it is
// read from its beginning.
class FileFollower final : public Follower {
 public:
  static Result<std::unique_ptr<Follower>> start(event::Loop& loop, std::filesystem::path file,
                                                 const std::optional<session::LogPosition>& from, Clock clock,
                                                 std::unique_ptr<LineParser> parser);

  LogReading reading() const override;

 private:
  // A file that is being read or was read. A place is an offset that continues to grow from file to file.
  struct Source {
    UniqueFd fd;
    LogFileId identity;
    std::uint64_t base = 0;  // place of its first byte
  };

  FileFollower(event::Loop& loop, std::filesystem::path file, Clock clock, std::unique_ptr<LineParser> parser,
               UniqueFd inotify);

  void begin(const std::optional<session::LogPosition>& from);
  void resume(const FilePosition& position);
  bool forget_until(const LogFileId& identity);
  void watch();
  void on_change();
  void step();
  bool read_some();
  bool is_cut() const;
  bool start_again();
  bool turn_to_next();
  bool has_successor(const Source& source) const;
  bool open_next();
  void use(UniqueFd fd, std::uint64_t offset);
  void note_identity(Source& source);
  void on_line(std::string_view text, std::uint64_t place);
  void check_form(bool is_known, std::string_view text);
  void report_position();
  session::LogPosition position_at(std::uint64_t end);
  FileOffset file_place(std::uint64_t place) const;
  void log_failure(int error);

  event::Loop& loop_;
  const std::filesystem::path file_;
  const Clock clock_;
  const std::unique_ptr<LineParser> parser_;
  UniqueFd inotify_;
  std::optional<event::DescriptorWatcher> changes_;
  event::Timer look_again_;
  bool step_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for steps that were posted

  std::deque<UniqueFd> rotated_;             // to be read next, oldest first
  std::map<std::uint64_t, Source> sources_;  // by base; the last is read
  LineBuffer lines_;
  LocalTimes times_;
  bool is_at_end_ = false;  // all that was there at the start is read
  std::uint64_t read_lines_ = 0;
  bool is_form_known_ = false;          // of any line so far
  std::uint64_t unknown_in_a_row_ = 0;  // lines of an unknown form
  bool is_form_logged_ = false;
  std::optional<std::uint64_t> skip_until_;  // place up to which all was reported before
  std::optional<FileOffset> skip_in_;        // the same, in a file that is not opened yet
  std::uint64_t number_ = 0;                 // of the last position
  std::uint64_t given_place_ = 0;
  Time given_at_;
  OncePerMinute failure_log_;
};

}  // namespace starttls::mtalog
