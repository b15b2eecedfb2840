// Many short texts in little memory: no address for each, and nothing for the allocator. Internal to this component.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

namespace starttls::preload {

class TextPool {
 public:
  static constexpr std::size_t piece_size = std::size_t{1} << 20U;
  static constexpr std::size_t max_pieces = 4096;

  // A new place for so many bytes, which the caller writes; at most piece_size. No place is 0. Throws
  // std::length_error after 4 GiB.
  std::uint32_t make(std::size_t size) {
    if (size > piece_size) throw std::length_error("a text of more than 1 MiB");
    while (pieces_.empty() || piece_size - used_ < std::max(size, std::size_t{1})) begin_piece();
    const std::size_t place = (pieces_.size() - 1) * piece_size + used_;
    used_ += size;
    return static_cast<std::uint32_t>(place);
  }

  // Valid as long as the pool, also after it was moved.
  char* at(std::uint32_t place) { return pieces_[place / piece_size].get() + place % piece_size; }
  const char* at(std::uint32_t place) const { return pieces_[place / piece_size].get() + place % piece_size; }

 private:
  void begin_piece() {
    if (pieces_.size() == max_pieces) throw std::length_error("texts of more than 4 GiB");
    pieces_.push_back(std::make_unique_for_overwrite<char[]>(piece_size));
    used_ = pieces_.size() == 1 ? 1 : 0;
  }

  std::vector<std::unique_ptr<char[]>> pieces_;
  std::size_t used_ = 0;  // bytes of the last piece
};

}  // namespace starttls::preload
