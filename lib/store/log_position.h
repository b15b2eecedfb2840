// How far a log was read (mtalog/follower.h), as the journal of a recorder has it: in records of segments that wait for
// the database and, of those that were folded and removed, in a file beside them.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "session/failure.h"

namespace starttls::store {

// The further one.
std::optional<session::LogPosition> further(std::optional<session::LogPosition> a,
                                            std::optional<session::LogPosition> b);

// Writes the file, unless it has a further position. Must be called before the segment with the position is removed.
// Segments may be folded out of order, if one could not be read for a while, or a clock was set back.
Result<void> keep_position(const std::filesystem::path& journal,
                           const std::optional<session::LogPosition>& position);

// The position in the payload of a journal record, if it has one.
using PositionIn = std::function<std::optional<session::LogPosition>(std::string_view payload)>;

// The furthest position, also while a recorder works in the directory. Nothing where the log was never read.
// Fault::io, Fault::permission.
Result<std::optional<session::LogPosition>> read_position(const std::filesystem::path& journal,
                                                          const PositionIn& position_in);

}  // namespace starttls::store
