#include "mtalog/line_buffer.h"

namespace starttls::mtalog {

void LineBuffer::feed(std::string_view bytes,
                      const std::function<void(std::string_view, std::uint64_t)>& line) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const bool is_whole = end != std::string_view::npos;
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t taken = piece.size() + (is_whole ? 1 : 0);
    bytes.remove_prefix(taken);
    stream_end_ += taken;
    too_long_ = too_long_ || begun_.size() + piece.size() > max_line_size;
    if (too_long_) begun_.clear();
    if (!is_whole) {
      if (!too_long_) begun_ += piece;
      continue;
    }
    if (!too_long_ && begun_.empty()) {
      line(piece, line_begin_);
    } else if (!too_long_) {
      begun_ += piece;
      line(begun_, line_begin_);
    }
    begun_.clear();
    too_long_ = false;
    line_begin_ = stream_end_;
  }
}

void LineBuffer::restart(std::uint64_t at) {
  begun_.clear();
  too_long_ = false;
  line_begin_ = at;
  stream_end_ = at;
}

}  // namespace starttls::mtalog
