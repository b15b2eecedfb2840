// The positions of many things in a text, one after the other, in two or three bytes each. Internal to this component.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/finding.h"

namespace starttls::preload {

class PositionLog {
 public:
  // They may be in any order; those that only grow take the least.
  void add(Position position);

  // Reads up to 64 positions for one.
  Position at(std::size_t index) const;

 private:
  static constexpr std::size_t interval = 64;
  struct Mark {
    Position before;
    std::size_t offset = 0;  // in steps_
  };

  std::string steps_;  // from each position to the next, as variable-length numbers
  std::vector<Mark> marks_;
  Position last_;
  std::size_t size_ = 0;
};

}  // namespace starttls::preload
