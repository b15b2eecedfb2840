// The journal: where records go first, in segments (segment.h) of one directory.
//
// append() is called by many threads and costs one write(2). A record that cannot be written at once
// (directory removed, disk full) is held back in memory, within a limit, and written by a later keep(); only
// beyond the limit is a record lost, and counted. One process writes a directory: it holds a lock on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"

namespace starttls::journal {

struct RecordCounts {
  std::uint64_t written = 0;    // in segments
  std::uint64_t lost = 0;       // dropped because the memory for held-back ones was full
  std::uint64_t held_back = 0;  // in memory now
};

struct JournalCounters : RecordCounts {  // all records
  RecordCounts counted;                  // of these, those that are to be counted
};

// Whether a record is to be counted: not one that only helps to understand others. Empty: each is.
using IsCounted = std::function<bool(std::string_view payload)>;

class Journal {
 public:
  // `max_held_back_bytes`: of records in memory while none can be written.
  Journal(std::filesystem::path directory, std::size_t max_held_back_bytes, IsCounted is_counted = {});

  // Creates the directory, locks it and begins a segment. Fault::temporary where another process holds the
  // lock, Fault::io otherwise; append() works in either case.
  Result<void> open(Time now);

  // Thread-safe; throws std::bad_alloc only.
  void append(std::string_view payload);
  // The same for many records, which cost one write(2) together.
  void append(std::span<const std::string> payloads);

  // Must be called about every second: opens lost files again, writes held-back records, and syncs. Several
  // threads may call this and the following functions.
  Result<void> keep(Time now);

  // Syncs and closes the current segment, and begins a new one. Does nothing if it has no records.
  Result<void> rotate(Time now);

  // Ends the current segment; later records are held back. The lock stays.
  Result<void> close();

  // Releases the lock. Must not be called before the last segment is folded: the process that holds the lock
  // assumes that no process writes any other segment than its own.
  void unlock();

  // Whether the directory is ours: only then may its other segments be touched.
  bool holds_lock() const;

  // While true nothing is written, only held back: too much is waiting for the store already.
  void set_full(bool full);

  // The segments that are not written any more, oldest first. Errors as of list_segments().
  Result<std::vector<std::filesystem::path>> closed_segments() const;

  std::string current_id() const;     // empty: no segment is open
  std::size_t current_bytes() const;  // of records in the current segment
  JournalCounters counters() const;

 private:
  struct Segment {
    UniqueFd fd;
    std::string id;
    std::size_t size = 0;  // bytes of the file that are undamaged
    std::uint64_t records = 0;
    std::uint64_t counted = 0;  // of these
  };

  // Where records go: to the current segment, else into memory.
  struct Output {
    explicit Output(IsCounted counted) : is_counted(std::move(counted)) {}
    bool write(std::string_view record);
    // Appends bytes to the segment with one write(2), all or nothing.
    bool write_bytes(std::string_view bytes);
    void count_written(std::string_view record);
    void append(std::string record, std::size_t max_bytes);
    void write_held_back();
    void hold_back(std::string record, std::size_t max_bytes);
    // `change`: 1 or -1.
    void count(std::uint64_t RecordCounts::* what, std::string_view record, std::int64_t change);
    bool is_counted_record(std::string_view framed) const;

    std::shared_ptr<Segment> current;
    std::deque<std::string> held_back;
    std::size_t held_back_bytes = 0;
    bool is_full = false;
    JournalCounters counters;
    IsCounted is_counted;
    int last_error = 0;  // errno of the last write that failed
  };

  // The lock of the directory: on the directory itself, so that there is no file to be removed.
  using DirectoryLock = UniqueFd;

  Result<void> open_directory(DirectoryLock& lock, Time now);
  Result<std::shared_ptr<Segment>> create_segment(Time now) const;
  Result<void> take_lock(DirectoryLock& lock) const;
  bool is_locked(const DirectoryLock& lock) const;
  std::filesystem::path segment_path(const std::string& id) const;
  Result<void> rescue_if_moved();
  Result<void> sync(const Segment* segment) const;
  // Syncs and closes the current segment, and continues in the given one, or in none.
  Result<void> continue_in(std::shared_ptr<Segment> next);

  const std::filesystem::path directory_;
  const std::size_t max_held_back_bytes_;
  Guarded<DirectoryLock> lock_;  // held by who opens, ends and syncs segments
  Guarded<Output> output_;
};

}  // namespace starttls::journal
