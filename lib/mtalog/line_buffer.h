// Cuts a stream of bytes into lines, whatever pieces it comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace starttls::mtalog {

class LineBuffer {
 public:
  // A longer line is ignored as a whole.
  static constexpr std::size_t max_line_size = 65536;

  // Hands each whole line to `line`, without its end, and the number of bytes of the stream before it. The
  // line is valid during the call.
  void feed(std::string_view bytes, const std::function<void(std::string_view, std::uint64_t)>& line);

  // Bytes of the stream up to the end of the last whole line.
  std::uint64_t line_end() const { return line_begin_; }
  std::uint64_t stream_end() const { return stream_end_; }

  // The stream continues at another place: an incomplete line is dropped.
  void restart(std::uint64_t at);

 private:
  std::string begun_;
  bool too_long_ = false;
  std::uint64_t line_begin_ = 0;
  std::uint64_t stream_end_ = 0;
};

}  // namespace starttls::mtalog
