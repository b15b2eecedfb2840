// The lines of a part of a file of any size, one by one. Internal to this component.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/try.h"
#include "mail/random_access_file.h"

namespace starttls::mail {

// Bytes of a line that are given: more than a boundary or the "From " line of a mailbox has.
inline constexpr std::size_t line_begin_size = 512;

// A line, or its beginning where it is long. `text` is without CR and LF where it is the whole line.
struct Line {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;          // after its LF
  std::uint64_t content_end = 0;  // before its LF or CRLF
  std::string_view text;

  bool is_blank() const { return text.empty(); }
};

// Calls `take` with each line until it returns false.
template <class Take>
Result<void> for_each_line(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                           Take take) {
  constexpr std::size_t piece_size = std::size_t{64} << 10U;
  std::string buffer;
  std::string_view piece;      // in memory
  std::uint64_t at = begin;    // where it begins
  std::string long_line;       // the beginning of a line that is not in memory any more
  std::uint64_t line = begin;  // where the line begins
  char before_piece = '\0';    // the last byte of the piece before
  const auto told = [&](std::uint64_t line_end, std::uint64_t content_end, std::string_view text) {
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    const std::uint64_t line_begin = std::exchange(line, line_end);
    return take(Line{.begin = line_begin, .end = line_end, .content_end = content_end, .text = text});
  };
  while (at < end) {
    if (end <= source.head().size()) {
      piece = source.head().substr(at, end - at);
    } else {
      buffer.resize(std::min<std::uint64_t>(piece_size, end - at));
      const auto got = TRY(source.read_at(at, buffer));
      if (got == 0) break;
      piece = std::string_view(buffer).substr(0, got);
    }
    const char last = piece.back();
    while (!piece.empty()) {
      const auto* const newline = static_cast<const char*>(std::memchr(piece.data(), '\n', piece.size()));
      const std::size_t size =
          newline == nullptr ? piece.size() : static_cast<std::size_t>(newline - piece.data()) + 1;
      std::string_view text = piece.substr(0, std::min(size, line_begin_size));
      const char before_newline = size > 1 ? piece[size - 2] : before_piece;
      const std::uint64_t end_size = before_newline == '\r' && at + size - line > 1 ? 2 : 1;
      at += size;
      piece.remove_prefix(size);
      if (newline == nullptr || !long_line.empty()) {
        long_line += text.substr(0, line_begin_size - std::min(long_line.size(), line_begin_size));
        if (newline == nullptr) break;
        text = long_line;
      }
      if (!told(at, at - end_size, text)) return {};
      long_line.clear();
    }
    before_piece = last;
  }
  if (line < at) told(at, at, long_line);
  return {};
}

}  // namespace starttls::mail
