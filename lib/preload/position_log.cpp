#include "preload/position_log.h"

namespace starttls::preload {
namespace {

constexpr std::uint64_t more = 0x80;  // in each byte of a number but the last one

void put(std::string& to, std::uint64_t number) {
  for (; number >= more; number >>= 7U) to += static_cast<char>(number | more);
  to += static_cast<char>(number);
}

std::uint64_t take(const std::string& from, std::size_t& offset) {
  std::uint64_t number = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(from[offset++]);
    number |= (byte & (more - 1)) << shift;
    if ((byte & more) == 0) return number;
  }
}

// Small numbers for small differences, forward and back.
std::uint64_t step(std::size_t from, std::size_t to) {
  return to >= from ? (to - from) << 1U : ((from - to) << 1U) - 1;
}

std::size_t apply(std::size_t from, std::uint64_t step) {
  const std::size_t distance = (step + 1) >> 1U;
  return (step & 1U) == 0 ? from + distance : from - distance;
}

}  // namespace

void PositionLog::add(Position position) {
  if (size_++ % interval == 0) marks_.push_back({.before = last_, .offset = steps_.size()});
  put(steps_, step(last_.line, position.line));
  put(steps_, step(last_.column, position.column));
  last_ = position;
}

Position PositionLog::at(std::size_t index) const {
  const Mark& mark = marks_.at(index / interval);
  Position position = mark.before;
  std::size_t offset = mark.offset;
  for (std::size_t left = index % interval + 1; left > 0; --left) {
    position.line = apply(position.line, take(steps_, offset));
    position.column = apply(position.column, take(steps_, offset));
  }
  return position;
}

}  // namespace starttls::preload
