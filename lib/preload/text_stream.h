// The text of a list as a stream for RapidJSON's reader, which holds a part of it at a time. Internal to this
// room.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/finding.h"
#include "base/result.h"
#include "preload/reader.h"

namespace starttls::preload {

// Besides the piece being read, the end of the ones before it is kept, so that the place of what was read can
// still be told. What lies further back is told to be at the beginning of what is kept: only an entry of more
// than 64 KiB has such places.
class TextStream {
 public:
  using Ch = char;

  // `name` is the text's, for the sentence of an error; both must outlive the stream.
  TextStream(std::string_view name, const ReadText& read);
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

  // What follows, as far as it is at hand, up to the first character that ends a JSON string, or that means
  // something in it, or may not be there: a quote, a backslash, a control character.
  std::string_view plain() const;
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

  Place place_of(std::size_t offset) const;
  // The same, for offsets that only grow: nothing is counted twice. From then on earlier offsets are told to
  // be here.
  Place pass(std::size_t offset);

  // Where the string begins that ends here, behind its closing quote.
  std::size_t start_of_string(std::size_t end) const;

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
  const ReadText& read_;
  std::vector<char> buffer_;
  const char* kept_ = nullptr;  // the oldest character that is still there
  std::size_t kept_from_ = 0;   // and where it is in the text
  const char* next_ = nullptr;
  const char* end_ = nullptr;
  Mark mark_;
  std::optional<Error> error_;
};

}  // namespace starttls::preload
