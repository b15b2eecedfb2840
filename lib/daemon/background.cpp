#include "daemon/background.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace starttls::daemon {

Result<std::function<void()>> detach(bool keep_standard_error) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Fault::temporary, "pipe: {}", errno_text(errno));
  const pid_t child = ::fork();
  if (child < 0) return fail(Fault::temporary, "fork: {}", errno_text(errno));
  if (child > 0) {
    ::close(ends[1]);
    char byte = 0;
    if (::read(ends[0], &byte, 1) == 1) ::_exit(0);
    int status = 0;
    const bool ended = ::waitpid(child, &status, 0) == child && WIFEXITED(status);
    ::_exit(ended ? WEXITSTATUS(status) : static_cast<int>(Fault::internal));
  }
  ::close(ends[0]);
  ::setsid();
  if (::chdir("/") != 0) return fail(Fault::internal, "chdir: {}", errno_text(errno));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail(Fault::internal, "/dev/null: {}", errno_text(errno));
  return [null, write_end = ends[1], last = keep_standard_error ? STDOUT_FILENO : STDERR_FILENO] {
    // The parent has exited, and nobody reads output any more.
    for (int fd = STDIN_FILENO; fd <= last; ++fd) ::dup2(null, fd);
    ::close(null);
    (void)write_all(write_end, "r");
    ::close(write_end);
  };
}

}  // namespace starttls::daemon
