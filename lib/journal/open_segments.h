// Reads segments that are not folded yet, also while a recorder works on their directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "journal/segment.h"

namespace starttls::journal {

struct OpenSegment {
  std::string id;
  UniqueFd fd;
};

// The segments of a journal directory, oldest first. An open segment stays readable after the recorder removes
// it; one that was removed before it could be opened is left out: its content is in the database. Fault::io,
// Fault::permission.
Result<std::vector<OpenSegment>> open_segments(const std::filesystem::path& directory);

// As read_segment(). Ignores damage, which the recorder reports: the last record may be incomplete because it
// is being written now.
Result<void> read_segment(const OpenSegment& segment, const TakePayload& take);

}  // namespace starttls::journal
