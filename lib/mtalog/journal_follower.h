// systemd's journal (sd-journal(3)).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "event/loop.h"
#include "mtalog/follower.h"
#include "mtalog/line_parser.h"

struct sd_journal;

namespace starttls::mtalog {

// Reads what facility "mail" wrote.
class JournalFollower final : public Follower {
 public:
  // `directory`: of journal files; "" is the journal of this host.
  static Result<std::unique_ptr<Follower>> start(event::Loop& loop, const std::string& directory,
                                                 const std::optional<session::LogPosition>& from, Clock clock,
                                                 std::unique_ptr<LineParser> parser);

  LogReading reading() const override;

 private:
  struct Close {
    void operator()(sd_journal* journal) const;
  };
  using Journal = std::unique_ptr<sd_journal, Close>;

  JournalFollower(event::Loop& loop, Journal journal, Clock clock, std::unique_ptr<LineParser> parser);

  Result<void> begin(const std::optional<session::LogPosition>& from);
  void on_change();
  void step();
  void read_entry();
  std::string field(const char* name) const;
  std::string cursor() const;
  bool is_at(const std::string& cursor) const;
  bool was_given();
  session::LogPosition position_now();

  event::Loop& loop_;
  Journal journal_;
  const Clock clock_;
  const std::unique_ptr<LineParser> parser_;
  std::optional<event::DescriptorWatcher> changes_;
  event::Timer look_again_;
  bool step_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted

  std::uint64_t entries_ = 0;                     // read so far: the place of the next
  std::map<std::uint64_t, std::string> cursors_;  // of the entries that unfinished processes began with
  std::string last_cursor_;                       // of the last entry, when it was asked for
  std::uint64_t last_time_ = 0;                   // of the last entry, microseconds since 1970
  // Up to which entry all was reported before; both empty where none were, or later entries are read.
  std::string skip_until_;         // its cursor
  std::uint64_t skip_before_ = 0;  // its time, which decides where the cursor is unknown
  std::string expected_first_;     // cursor; empty when the first entry was read
  std::uint64_t number_ = 0;
  std::uint64_t unsaid_ = 0;  // entries since the last position
  Time given_at_;
};

}  // namespace starttls::mtalog
