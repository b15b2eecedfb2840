#include "mtalog/journal_follower.h"

#include <systemd/sd-journal.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "mtalog/positions.h"

namespace starttls::mtalog {
namespace {

using namespace std::chrono_literals;

constexpr int entries_a_step = 1000;  // entries that are read before other events of the loop
constexpr auto look_again = 5s;       // when no change is reported
constexpr auto position_interval = 60s;
constexpr std::uint64_t position_entries = 20'000;

std::unexpected<Error> cannot(const char* what, int negative_errno) {
  return fail(Fault::unavailable, "the journal: {}: {}", what, errno_text(-negative_errno));
}

}  // namespace

void JournalFollower::Close::operator()(sd_journal* journal) const {
  ::sd_journal_close(journal);
}

Result<std::unique_ptr<Follower>> JournalFollower::start(event::Loop& loop, const std::string& directory,
                                                         const std::optional<session::LogPosition>& from,
                                                         Clock clock, std::unique_ptr<LineParser> parser) {
  sd_journal* opened = nullptr;
  const int rc = directory.empty() ? ::sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
                                   : ::sd_journal_open_directory(&opened, directory.c_str(), 0);
  if (rc < 0) return cannot("open", rc);
  std::unique_ptr<JournalFollower> made(
      new JournalFollower(loop, Journal(opened), std::move(clock), std::move(parser)));
  TRY(made->begin(from));
  // libsystemd silently ignores files that may not be read.
  const std::string source = directory.empty() ? std::string("journal") : "journal:" + directory;
  if (const auto readable = check_readable(source); !readable)
    log_warning("{}; {} are missing", readable.error().message, made->parser_->words().subject);
  return made;
}

JournalFollower::JournalFollower(event::Loop& loop, Journal journal, Clock clock,
                                 std::unique_ptr<LineParser> parser)
    : loop_(loop),
      journal_(std::move(journal)),
      clock_(std::move(clock)),
      parser_(std::move(parser)),
      look_again_(loop, [this] { on_change(); }),
      given_at_(clock_()) {}

Result<void> JournalFollower::begin(const std::optional<session::LogPosition>& from) {
  // LOG_MAIL of syslog(3).
  if (const int rc = ::sd_journal_add_match(journal_.get(), "SYSLOG_FACILITY=2", 0); rc < 0)
    return cannot("match", rc);
  const int descriptor = ::sd_journal_get_fd(journal_.get());
  if (descriptor < 0) return cannot("watch", descriptor);
  changes_.emplace(loop_, descriptor, event::DescriptorWatcher::For::reading, [this] { on_change(); });

  if (from) number_ = from->number;
  const auto position = from ? parse_journal_position(from->text) : std::nullopt;
  int rc = position ? ::sd_journal_seek_cursor(journal_.get(), position->needed.c_str()) : -ENOENT;
  if (rc < 0) rc = ::sd_journal_seek_tail(journal_.get());
  // The last entry is older than this process. After seek_tail() alone, next() would return it.
  if (rc >= 0 && !position) rc = ::sd_journal_previous(journal_.get());
  if (rc < 0) return cannot("seek", rc);
  if (position) {
    expected_first_ = position->needed;
    skip_until_ = position->last;
    skip_before_ = position->given;
  } else if (rc > 0) {
    // After a restart before the first failure, reading must continue here.
    (void)::sd_journal_get_realtime_usec(journal_.get(), &last_time_);
    parser_->report_position(position_now());
  }
  on_change();
  return {};
}

void JournalFollower::on_change() {
  if (!std::exchange(step_posted_, true)) {
    loop_.post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) step();
    });
  }
}

void JournalFollower::step() {
  step_posted_ = false;
  (void)::sd_journal_process(journal_.get());
  for (int i = 0; i < entries_a_step; ++i) {
    if (::sd_journal_next(journal_.get()) <= 0) {
      // If the last reported entry was not found, it is gone.
      skip_until_.clear();
      skip_before_ = 0;
      const bool is_due = clock_() - given_at_ >= position_interval || clock_() < given_at_;
      if (unsaid_ >= position_entries || (unsaid_ > 0 && is_due)) parser_->report_position(position_now());
      return look_again_.start(look_again);
    }
    read_entry();
  }
  on_change();
}

void JournalFollower::read_entry() {
  const std::uint64_t place = ++entries_;
  ++unsaid_;
  (void)::sd_journal_get_realtime_usec(journal_.get(), &last_time_);
  last_cursor_.clear();
  const std::string program = field("SYSLOG_IDENTIFIER");
  const std::string message = field("MESSAGE");
  std::string process = field("SYSLOG_PID");
  if (process.empty()) process = field("_PID");
  const Time time{std::chrono::milliseconds{last_time_ / 1000}};
  const Line line{.program = program, .process = process, .message = message, .stamp = time};
  const bool has_ended = parser_->add(line, time, place);
  if (parser_->is_needed(place)) cursors_.emplace(place, cursor());
  if (!was_given() && has_ended) parser_->report(position_now());
}

LogReading JournalFollower::reading() const {
  return {.lines = entries_,
          .session_lines = parser_->session_lines(),
          .unclear_lines = parser_->unclear_lines()};
}

// Must be called once for each entry.
bool JournalFollower::was_given() {
  const bool is_expected = expected_first_.empty() || is_at(expected_first_);
  expected_first_.clear();
  // The oldest entries were removed, up to and including the last reported one.
  if (!is_expected && last_time_ > skip_before_) skip_until_.clear();
  if (skip_until_.empty()) {
    if (last_time_ <= skip_before_) return true;
    skip_before_ = 0;
    return false;
  }
  if (is_at(skip_until_)) {
    skip_until_.clear();
    skip_before_ = 0;
  }
  return true;
}

bool JournalFollower::is_at(const std::string& cursor) const {
  return ::sd_journal_test_cursor(journal_.get(), cursor.c_str()) > 0;
}

// The value without the name that libsystemd writes before it.
std::string JournalFollower::field(const char* name) const {
  const void* data = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal_.get(), name, &data, &size) < 0) return {};
  std::string_view text(static_cast<const char*>(data), size);
  text.remove_prefix(std::min(text.size(), std::string_view(name).size() + 1));
  return std::string(text);
}

std::string JournalFollower::cursor() const {
  char* text = nullptr;
  if (::sd_journal_get_cursor(journal_.get(), &text) < 0) return {};
  const std::unique_ptr<char, decltype(&std::free)> owner(text, &std::free);
  return text;
}

session::LogPosition JournalFollower::position_now() {
  if (last_cursor_.empty()) last_cursor_ = cursor();
  const auto needed = parser_->first_needed();
  cursors_.erase(cursors_.begin(), needed ? cursors_.lower_bound(*needed) : cursors_.end());
  const JournalPosition position{
      .needed = cursors_.empty() ? last_cursor_ : cursors_.begin()->second,
      .given = skip_until_.empty() ? std::max(last_time_, skip_before_) : skip_before_,
      .last = skip_until_.empty() ? last_cursor_ : skip_until_};
  unsaid_ = 0;
  given_at_ = clock_();
  return {.number = ++number_, .text = to_string(position)};
}

}  // namespace starttls::mtalog
