// Detects that the recorder of a state directory is at a certain point of a fold, by watching its files.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "base/result.h"

namespace starttls::load {

enum class FoldPoint {
  rotated,   // a new segment was created: the fold of the one before follows
  commits,   // the database's log was written
  unlinked,  // a folded segment was removed
};

class FoldWatch {
 public:
  // The journal directory must exist.
  static Result<FoldWatch> start(const std::filesystem::path& state_dir);

  // Whether the point was reached since the last call of any function here.
  bool seen(FoldPoint point);

  // Waits for at most `patience`; returns whether the point was reached in this time.
  bool wait(FoldPoint point, std::chrono::milliseconds patience);

 private:
  FoldWatch() = default;
  UniqueFd inotify_;
};

}  // namespace starttls::load
