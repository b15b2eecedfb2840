#include "preload/text_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace starttls::preload {
namespace {

// Counts eight bytes at a time: each of eight lanes adds up the newlines at its place.
std::size_t count_newlines(const char* at, const char* to) {
  std::size_t count = 0;
  while (to - at >= 8) {
    std::uint64_t lanes = 0;
    const char* const stop = at + 8 * std::min<std::ptrdiff_t>((to - at) / 8, 255);
    for (; at != stop; at += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, at, sizeof eight);
      eight ^= TextStream::ones * '\n';
      const std::uint64_t other =
          ((eight & ~TextStream::highs) + ~TextStream::highs) | eight;  // high bit set, except in newlines
      lanes += (~other & TextStream::highs) >> 7U;
    }
    for (; lanes != 0; lanes >>= 8U) count += lanes & 0xFFU;
  }
  return count + static_cast<std::size_t>(std::count(at, to, '\n'));
}

constexpr std::size_t max_kept = std::size_t{64} << 10U;
// A short text takes little memory, a long one few reads.
constexpr std::size_t first_piece_size = std::size_t{16} << 10U;
constexpr std::size_t max_piece_size = std::size_t{1} << 20U;

std::unique_ptr<char[]> new_buffer(std::size_t piece_size) {
  return std::make_unique_for_overwrite<char[]>(max_kept + piece_size + 1);
}

}  // namespace

TextStream::TextStream(std::string_view name, const ReadBytes& read)
    : name_(name), read_(read), buffer_(new_buffer(first_piece_size)), piece_size_(first_piece_size) {
  kept_ = next_ = end_ = buffer_.get() + max_kept;
  refill();
}

// Moves the end of what was read to the front of the buffer, and reads the next piece behind it. A 0 follows. After a
// piece that filled the buffer, the buffer grows.
void TextStream::refill() {
  if (error_) return;
  const auto kept = std::min(max_kept, static_cast<std::size_t>(end_ - kept_));
  const char* const from = end_ - kept;
  const std::size_t kept_from = offset_of(from);
  if (kept_from > mark_.offset) mark_ = mark_at(kept_from);
  std::unique_ptr<char[]> before;
  if (end_ == buffer_.get() + max_kept + piece_size_ && piece_size_ < max_piece_size) {
    piece_size_ *= 2;
    before = std::exchange(buffer_, new_buffer(piece_size_));
  }
  char* const piece = buffer_.get() + max_kept;
  std::memmove(piece - kept, from, kept);
  kept_ = piece - kept;
  kept_from_ = kept_from;
  next_ = end_ = piece;
  auto size = read_(std::span(piece, piece_size_));
  if (!size) {
    error_ = std::move(size.error());
  } else if (Tell() + *size > list_size_limit) {
    error_ = Error{Fault::data,
                   fmt::format("{}: larger than the limit of {} bytes", printable(name_), list_size_limit)};
  } else {
    end_ = piece + *size;
  }
  piece[end_ - piece] = '\0';
}

TextStream::Mark TextStream::mark_at(std::size_t offset) const {
  Mark mark = mark_;
  const char* at = kept_ + (mark.offset - kept_from_);
  const char* const to = kept_ + (std::clamp(offset, mark.offset, offset_of(end_)) - kept_from_);
  mark.line += count_newlines(at, to);
  const auto* last = static_cast<const char*>(::memrchr(at, '\n', static_cast<std::size_t>(to - at)));
  if (last != nullptr) mark.line_start = offset_of(last) + 1;
  mark.offset = offset_of(to);
  return mark;
}

Position TextStream::position_of(std::size_t offset) const {
  const Mark mark = mark_at(offset);
  return {.line = mark.line, .column = mark.offset - mark.line_start + 1};
}

Position TextStream::pass(std::size_t offset) {
  mark_ = mark_at(offset);
  return {.line = mark_.line, .column = mark_.offset - mark_.line_start + 1};
}

// Searches back from the closing quote for the nearest quote with an even number of backslashes before it.
std::size_t TextStream::start_of_string(std::size_t end) const {
  if (end <= kept_from_) return kept_from_;
  const char* at = kept_ + (end - kept_from_) - 1;
  while (at > kept_) {
    at = static_cast<const char*>(::memrchr(kept_, '"', static_cast<std::size_t>(at - kept_)));
    if (at == nullptr) return kept_from_;
    const char* before = at;
    while (before > kept_ && before[-1] == '\\') --before;
    if ((at - before) % 2 == 0) return offset_of(at);
  }
  return kept_from_;
}

}  // namespace starttls::preload
