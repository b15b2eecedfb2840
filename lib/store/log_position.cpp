#include "store/log_position.h"

#include <system_error>
#include <utility>
#include <variant>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/try.h"
#include "journal/segment.h"
#include "store/record.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;
using Position = std::optional<session::LogPosition>;

constexpr std::size_t max_position_size = 65536;  // bytes of the file

fs::path position_file(const fs::path& journal) {
  return journal / "log-position";
}

// The position that keep_position() wrote, if any.
Result<Position> kept_position(const fs::path& journal) {
  const fs::path file = position_file(journal);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  const auto text = TRY(read_file(file, max_position_size));
  // A damaged file is ignored, and the log is read from its end.
  const auto record = decode_record(text);
  const auto* event = record ? std::get_if<LogEvent>(&*record) : nullptr;
  return event != nullptr ? Position(event->position) : std::nullopt;
}

}  // namespace

Position further(Position a, Position b) {
  if (!a || !b) return a ? std::move(a) : std::move(b);
  return a->number < b->number ? std::move(b) : std::move(a);
}

Result<void> keep_position(const fs::path& journal, const Position& position) {
  if (!position) return {};
  const Position newest = kept_position(journal).value_or(std::nullopt);
  if (newest && newest->number >= position->number) return {};
  return replace_file(position_file(journal), encode(LogEvent{.position = *position}), 0640);
}

Result<Position> read_position(const fs::path& journal, const PositionIn& position_in) {
  Position newest;
  const auto segments = TRY(journal::list_segments(journal));
  for (const fs::path& segment : segments) {
    const auto text = read_file(segment, journal::max_segment_size);
    if (!text) continue;  // folded meanwhile: the position file, which is read last, has its position
    (void)journal::read_segment(*text, [&](std::string_view payload) {
      newest = further(std::move(newest), position_in(payload));
      return true;
    });
  }
  auto kept = TRY(kept_position(journal));
  return further(std::move(newest), std::move(kept));
}

}  // namespace starttls::store
