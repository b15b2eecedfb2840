// The text of a list as a stream for RapidJSON's reader, which holds a part of it at a time. Internal to this
// component. It looks at eight bytes at a time, which tests/bench measures: `lint` and `verify` of a million
// domains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/finding.h"
#include "base/result.h"
#include "preload/reader.h"

namespace starttls::preload {

// Besides the present piece, the end of the pieces before it is kept, so that positions in them can be
// found. A position before that is given as the beginning of what is kept; only an entry of more than 64
// KiB has such positions.
class TextStream {
 public:
  using Ch = char;

  // `name` is the name of the text for errors. Both must outlive the stream.
  TextStream(std::string_view name, const ReadBytes& read);
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;

  // The next character; 0 at the end, and where the text has a NUL.
  char Peek() const { return *next_; }
  char Take() {
    const char c = *next_++;
    if (next_ == end_) refill();
    return c;
  }
  std::size_t Tell() const { return offset_of(next_); }

  // What follows in the present piece, up to the first character that ends a JSON string, has a meaning in
  // it, or is not allowed there: a quote, a backslash, a control character.
  std::string_view plain();
  // Whether plain() has returned anything but ASCII since the last call.
  bool had_more_than_ascii() { return (std::exchange(seen_, 0) & highs) != 0; }
  void skip(std::size_t size) {
    next_ += size;
    if (next_ == end_) refill();
  }
  void skip_blanks() {
    while (*next_ == ' ' || *next_ == '\n' || *next_ == '\r' || *next_ == '\t') Take();
  }

  // For writing streams only.
  char* PutBegin() { return nullptr; }
  void Put(char) {}
  std::size_t PutEnd(char*) { return 0; }

  bool at_end() const { return next_ == end_; }
  // Why the text ended early, if it did.
  const std::optional<Error>& error() const { return error_; }

  Position position_of(std::size_t offset) const;
  // The same, for offsets that only grow: nothing is counted twice. From then on, earlier offsets have this
  // position.
  Position pass(std::size_t offset);

  // Where the string begins that ends here, behind its closing quote.
  std::size_t start_of_string(std::size_t end) const;

  // For looking at eight bytes at a time.
  static constexpr std::uint64_t ones = 0x0101010101010101;
  static constexpr std::uint64_t highs = 0x8080808080808080;

 private:
  struct Mark {
    std::size_t offset = 0;
    std::size_t line = 1;
    std::size_t line_start = 0;
  };
  void refill();
  std::size_t offset_of(const char* at) const { return kept_from_ + static_cast<std::size_t>(at - kept_); }
  Mark mark_at(std::size_t offset) const;

  std::string_view name_;
  const ReadBytes& read_;
  std::unique_ptr<char[]> buffer_;
  std::size_t piece_size_;      // how many bytes fill it
  const char* kept_ = nullptr;  // the oldest character that is still there
  std::size_t kept_from_ = 0;   // and where it is in the text
  const char* next_ = nullptr;
  const char* end_ = nullptr;
  std::uint64_t seen_ = 0;  // all bytes from plain(), combined with OR
  Mark mark_;
  std::optional<Error> error_;
};

// Inline, because it runs for every string of a list.
inline std::string_view TextStream::plain() {
  // Which of eight bytes are zero; sure of the first one only.
  const auto zeros = [](std::uint64_t eight) { return (eight - ones) & ~eight & highs; };
  const char* at = next_;
  for (std::uint64_t eight = 0; end_ - at >= static_cast<std::ptrdiff_t>(sizeof eight); at += sizeof eight) {
    std::memcpy(&eight, at, sizeof eight);
    const std::uint64_t controls = (eight - ones * 0x20) & ~eight & highs;
    if ((zeros(eight ^ (ones * '"')) | zeros(eight ^ (ones * '\\')) | controls) != 0) break;
    seen_ |= eight;
  }
  for (; at != end_ && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20; ++at) {
    seen_ |= std::uint64_t{static_cast<unsigned char>(*at)};
  }
  return {next_, static_cast<std::size_t>(at - next_)};
}

}  // namespace starttls::preload
