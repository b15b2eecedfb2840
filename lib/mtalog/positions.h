// The positions in a log (follower.h), as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace starttls::mtalog {

// A log file, whatever its name becomes: its inode and how it begins, because inodes are used again. The
// device is not part of it: it may have another number after a boot.
struct LogFileId {
  std::uint64_t inode = 0;
  std::uint32_t begin_size = 0;  // bytes that the checksum is of
  std::uint32_t begin_crc = 0;   // CRC-32

  bool operator==(const LogFileId&) const = default;
};

struct FileOffset {
  LogFileId file;
  std::uint64_t offset = 0;  // bytes

  bool operator==(const FileOffset&) const = default;
};

struct FilePosition {
  FileOffset needed;  // where reading must begin again
  FileOffset given;   // up to where failures were reported
  // About when the line before `needed` was written, if known: it decides which times the next stamps mean
  // (local_times.h).
  std::optional<Time> time;

  bool operator==(const FilePosition&) const = default;
};

// "file 7:128:9af3c2d1:5000 7:128:9af3c2d1:6000 1795881600000": the time, in milliseconds since 1970, may be
// missing. Nothing on another text.
std::string to_string(const FilePosition& position);
std::optional<FilePosition> parse_file_position(std::string_view text);

// "journal TIME CURSOR CURSOR": the cursor of the first entry that is needed, and the time, in microseconds
// since 1970, and cursor of the last one that was reported. Times alone are not enough: a clock may be set
// back.
struct JournalPosition {
  std::string needed;
  std::uint64_t given = 0;
  std::string last;  // empty: the time decides

  bool operator==(const JournalPosition&) const = default;
};

std::string to_string(const JournalPosition& position);
std::optional<JournalPosition> parse_journal_position(std::string_view text);

}  // namespace starttls::mtalog
