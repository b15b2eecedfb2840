// Tells when the recorder of a state directory is at a certain point of a fold, by what it does to its files.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "base/result.h"

namespace starttls::load {

enum class FoldPoint {
  rotated,   // a new segment was begun: the fold of the one before follows
  commits,   // the database's log was written to
  unlinked,  // a folded segment was removed
};

class FoldWatch {
 public:
  // The journal folder must be there.
  static Result<FoldWatch> start(const std::filesystem::path& state_dir);

  // Whether the point was come to since the last call of any function here.
  bool seen(FoldPoint point);

  // Whether the point is come to from now on and within `patience`.
  bool wait(FoldPoint point, std::chrono::milliseconds patience);

 private:
  FoldWatch() = default;
  UniqueFd inotify_;
};

}  // namespace starttls::load
