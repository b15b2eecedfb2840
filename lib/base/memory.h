// How many bytes a value holds on the heap, for tables that are bounded in bytes. Counted as malloc(3) of
// glibc allocates, so that many small allocations are not underestimated.
//
// Types of other components have a heap_size() beside them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace starttls {

// The size of one allocation of this many bytes: with its header, in units of 16, at least 32.
constexpr std::size_t allocation_size(std::size_t bytes) {
  constexpr std::size_t header = 8, unit = 16, smallest = 32;
  return std::max(smallest, (bytes + header + unit - 1) / unit * unit);
}

// 0 for a short text, which is stored inside the object.
inline std::size_t heap_size(const std::string& text) {
  static const std::size_t within = std::string().capacity();
  return text.capacity() <= within ? 0 : allocation_size(text.capacity() + 1);
}

// Includes the memory of the elements.
template <class T>
std::size_t heap_size(const std::vector<T>& values) {
  std::size_t size = values.capacity() == 0 ? 0 : allocation_size(values.capacity() * sizeof(T));
  for (const T& value : values) size += heap_size(value);
  return size;
}

// The size of what std::make_shared<T>() allocates for the object and its counts.
template <class T>
constexpr std::size_t shared_allocation_size() {
  constexpr std::size_t counts = 16;
  return allocation_size(sizeof(T) + counts);
}

}  // namespace starttls
