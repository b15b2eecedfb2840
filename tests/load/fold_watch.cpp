#include "load/fold_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "journal/segment.h"
#include "store/open_store.h"

namespace starttls::load {
namespace {

using Steady = std::chrono::steady_clock;

bool shows(const inotify_event& event, std::string_view name, FoldPoint point) {
  const bool segment = name.ends_with(journal::segment_suffix);
  switch (point) {
    case FoldPoint::rotated:
      return segment && (event.mask & IN_CREATE) != 0;
    case FoldPoint::commits:
      return name.ends_with("-wal") && (event.mask & IN_MODIFY) != 0;
    case FoldPoint::unlinked:
      return segment && (event.mask & IN_DELETE) != 0;
  }
  return false;
}

// Reads the available events; returns whether the point is among them.
bool read_events(int fd, FoldPoint point) {
  bool shown = false;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) return shown;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;  // padded with NUL
      if (event.len > 0 && shows(event, std::string_view(name, ::strnlen(name, event.len)), point))
        shown = true;
      at += sizeof event + event.len;
    }
  }
}

}  // namespace

Result<FoldWatch> FoldWatch::start(const std::filesystem::path& state_dir) {
  FoldWatch watch;
  watch.inotify_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const int fd = watch.inotify_.get();
  if (fd < 0 || ::inotify_add_watch(fd, state_dir.c_str(), IN_MODIFY) < 0 ||
      ::inotify_add_watch(fd, store::journal_directory(state_dir).c_str(), IN_CREATE | IN_DELETE) < 0) {
    return fail(Fault::internal, "inotify: {}", errno_text(errno));
  }
  return watch;
}

bool FoldWatch::seen(FoldPoint point) {
  return read_events(inotify_.get(), point);
}

bool FoldWatch::wait(FoldPoint point, std::chrono::milliseconds patience) {
  (void)seen(point);
  const auto deadline = Steady::now() + patience;
  for (auto now = Steady::now(); now < deadline; now = Steady::now()) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    pollfd watched{.fd = inotify_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, static_cast<int>(rest.count())) == 1 && seen(point)) return true;
  }
  return false;
}

}  // namespace starttls::load
