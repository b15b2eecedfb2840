#include "report/rejected_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <tuple>
#include <vector>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_files = 1'000;

Result<void> copy(const mail::RandomAccessFile& source, int to) {
  const ReadBytes bytes = source.bytes(0, source.size());
  std::string buffer(std::size_t{64} << 10U, '\0');
  while (true) {
    const auto got = TRY(bytes(buffer));
    if (got == 0) break;
    if (const int error = write_all(to, std::string_view(buffer).substr(0, got)); error != 0) {
      return fail(write_fault(error), "{}", errno_text(error));
    }
  }
  if (::fsync(to) != 0) return fail(Fault::io, "{}", errno_text(errno));
  return {};
}

struct RejectedFile {
  fs::file_time_type written;
  fs::path path;
  std::uint64_t size = 0;
};

// The oldest first.
Result<std::vector<RejectedFile>> list_files(const fs::path& directory) {
  std::vector<RejectedFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    if (entry->path().filename().native().starts_with('.') || !entry->is_regular_file(unknown)) continue;
    const std::uintmax_t size = fs::file_size(entry->path(), unknown);
    std::error_code unknown_time;
    const auto written = fs::last_write_time(entry->path(), unknown_time);
    files.push_back({.written = written, .path = entry->path(), .size = unknown ? 0 : size});
  }
  if (error) return fail(Fault::io, "{}", error.message());
  std::ranges::sort(files, {}, [](const RejectedFile& file) { return std::tie(file.written, file.path); });
  return files;
}

// Removes the oldest files until there is room for one more of this size.
Result<void> make_room(const fs::path& directory, std::uint64_t size, std::uint64_t max_size) {
  const std::vector<RejectedFile> files = TRY(list_files(directory));
  std::uint64_t sum = size;
  for (const RejectedFile& file : files) sum += file.size;
  std::size_t count = files.size();
  for (const RejectedFile& file : files) {
    if (sum <= max_size && count < max_files) break;
    sum -= file.size;
    --count;
    std::error_code ignored;
    fs::remove(file.path, ignored);
  }
  return {};
}

// Creates the directory if it does not exist. Root gives it to the owner of the state directory, who also
// writes to it. That user could replace it by a symbolic link, which is not followed.
Result<Directory> open_directory(const fs::path& path) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  const Directory parent = TRY(Directory::open(path.parent_path()));
  const bool is_new = ::mkdirat(parent.fd(), path.filename().c_str(), 0777) == 0;
  Directory directory = TRY(Directory::open(path));
  if (is_new && ::geteuid() == 0 && directory.owner() == 0)
    (void)!::fchownat(directory.fd(), "", parent.owner(), parent.group(), AT_EMPTY_PATH);
  return directory;
}

Result<std::string> save(const mail::RandomAccessFile& source, const RejectedFileSettings& settings) {
  const Directory directory = TRY(open_directory(settings.directory));
  // The path of its descriptor: what root creates and removes stays in this directory, even if its path is
  // changed.
  const fs::path held = fmt::format("/proc/self/fd/{}", directory.fd());
  TRY(make_room(held, source.size(), settings.max_size));
  std::string file = (held / (to_rfc3339(settings.now) + "-XXXXXX")).string();
  const UniqueFd fd(::mkostemp(file.data(), O_CLOEXEC));
  if (!fd) return fail(Fault::io, "{}", errno_text(errno));
  TRY(copy(source, fd.get()));
  TRY(directory.sync());
  return (settings.directory / fs::path(file).filename()).string();
}

}  // namespace

Result<std::string> save_rejected_file(const mail::RandomAccessFile& source,
                                       const RejectedFileSettings& settings) {
  auto saved = save(source, settings);
  if (saved) return saved;
  return fail(Fault::io, "{}: cannot save the rejected mail: {}", printable(settings.directory.string()),
              saved.error().message);
}

}  // namespace starttls::report
