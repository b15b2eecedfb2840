#include "journal/open_segments.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "base/try.h"

namespace starttls::journal {

namespace fs = std::filesystem;

Result<std::vector<OpenSegment>> open_segments(const fs::path& directory) {
  const auto paths = TRY(list_segments(directory));
  std::vector<OpenSegment> segments;
  for (const fs::path& path : paths) {
    UniqueFd fd = open_regular(AT_FDCWD, path.c_str());
    if (!fd && errno == ENOENT) continue;
    if (!fd) {
      const Fault fault = errno == EACCES ? Fault::permission : Fault::io;
      return fail(fault, "{}: {}", printable(path.string()), errno_text(errno));
    }
    segments.push_back({segment_id(path), std::move(fd)});
  }
  return segments;
}

Result<void> read_segment(const OpenSegment& segment, const TakePayload& take) {
  const auto content = TRY(read_all(segment.fd.get(), max_segment_size, segment.id));
  const auto damage = read_segment(content, take);
  TRY(with_context(damage, "{}", segment.id));
  return {};
}

}  // namespace starttls::journal
