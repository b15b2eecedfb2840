#include "base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";
constexpr std::string_view system_folders = "/usr/local/sbin:/usr/sbin:/sbin";

bool is_executable(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

std::unexpected<Error> system_failed(std::string_view program, int error) {
  constexpr std::array passing{EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY};
  return fail(std::ranges::find(passing, error) != passing.end() ? Fault::temporary : Fault::internal,
              "{}: cannot be started: {}", printable(program), errno_text(error));
}

// Returns a copy of the descriptor that is closed in every program we start. The copy is not 0, 1 or 2: so
// the descriptors that we put in those places cannot overwrite one that is still needed.
UniqueFd lifted(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

struct Pipe {
  UniqueFd read_end;  // does not block
  UniqueFd write_end;

  // Returns 0 or the errno value.
  int open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    read_end = UniqueFd(ends[0]);
    const UniqueFd original(ends[1]);
    write_end = lifted(original.get());
    if (!write_end || ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK) != 0) return errno;
    return 0;
  }
};

// The program's descriptors 0, 1 and 2, and our ends of their pipes.
struct Channels {
  UniqueFd in, out, err;
  UniqueFd from_out, from_err;

  // Returns 0 or the errno value.
  int open(const Command& command) {
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null) return errno;
    in = lifted(command.stdin_fd >= 0 ? command.stdin_fd : null.get());
    if (!in) return errno;
    if (command.stdout_fd >= 0) {
      out = lifted(command.stdout_fd);
      if (!out) return errno;
    } else if (const int error = open_pipe(out, from_out); error != 0) {
      return error;
    }
    if (!command.merge_stderr) return open_pipe(err, from_err);
    err = lifted(out.get());
    return err ? 0 : errno;
  }

 private:
  static int open_pipe(UniqueFd& theirs, UniqueFd& ours) {
    Pipe pipe;
    if (const int error = pipe.open(); error != 0) return error;
    theirs = std::move(pipe.write_end);
    ours = std::move(pipe.read_end);
    return 0;
  }
};

// The null-terminated array of pointers that exec(3) expects. It points into `words`.
std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

class SpawnSettings {
 public:
  SpawnSettings(const Channels& channels, int directory) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    note(::posix_spawn_file_actions_adddup2(&actions, channels.in.get(), STDIN_FILENO));
    note(::posix_spawn_file_actions_adddup2(&actions, channels.out.get(), STDOUT_FILENO));
    note(::posix_spawn_file_actions_adddup2(&actions, channels.err.get(), STDERR_FILENO));
    if (directory >= 0) note(::posix_spawn_file_actions_addfchdir_np(&actions, directory));
    // This closes descriptors that a library did not mark close-on-exec, too.
    note(::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1));
    sigset_t signals;
    ::sigemptyset(&signals);
    note(::posix_spawnattr_setsigmask(&attributes, &signals));
    ::sigfillset(&signals);
    note(::posix_spawnattr_setsigdefault(&attributes, &signals));
    note(::posix_spawnattr_setpgroup(&attributes, 0));
    note(::posix_spawnattr_setflags(&attributes,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  int error = 0;  // the errno value of the first step that failed

 private:
  void note(int step) {
    if (error == 0) error = step;
  }
};

// glibc 2.36 has the function, but declares it only for C.
UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// A child that has not been waited for. Until then no other process can get its id or its group's id. If it
// still runs when this object is destroyed, it is killed.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), pidfd_(open_pidfd(pid)), error_(pidfd_ ? 0 : errno) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    kill_group(SIGKILL);
    int ignored = 0;
    wait(ignored);
  }

  // The errno value if the kernel returned no descriptor.
  int error() const { return error_; }
  // Readable once the child has ended.
  int pidfd() const { return pidfd_.get(); }

  void kill_group(int signal) const { ::kill(-pid_, signal); }

  // Returns 0, or the errno value if there is no status.
  int wait(int& status) {
    const pid_t pid = std::exchange(pid_, -1);
    while (::waitpid(pid, &status, 0) < 0) {
      if (errno != EINTR) return errno;
    }
    return 0;
  }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  int error_;
};

// One of the program's two outputs, up to its limit.
struct Capture {
  UniqueFd fd;  // none if it is not captured, or has ended
  std::size_t limit;
  std::string bytes;
  bool overflowed = false;

  // Reads the bytes that are available, at most `max`.
  void take(std::size_t max) {
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(fd.get(), buffer.data(), std::min(buffer.size(), max));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return fd.reset();
    const auto size = static_cast<std::size_t>(got);
    const std::size_t kept = std::min(size, limit - bytes.size());
    bytes.append(buffer.data(), kept);
    overflowed = overflowed || kept < size;
  }

  // Reads what the program wrote before it exited, and no more: processes that it started may write for ever.
  void take_rest() {
    int waiting = 0;
    if (!fd || ::ioctl(fd.get(), FIONREAD, &waiting) != 0) return;
    auto left = static_cast<std::size_t>(std::max(waiting, 0));
    while (fd && left > 0) {
      const std::size_t piece = std::min<std::size_t>(left, 65536);
      take(piece);
      left -= piece;
    }
  }
};

// Watches the program from its start to its exit.
class Watch {
 public:
  Watch(const Command& command, Channels& channels)
      : out{.fd = std::move(channels.from_out), .limit = command.out_limit},
        err{.fd = std::move(channels.from_err), .limit = command.err_limit},
        deadline_(Steady::now() + command.time_limit),
        grace_(command.grace) {}

  // Returns 0 when the program has exited, or an errno value.
  int until_end(const Child& child) {
    for (;;) {
      std::array<pollfd, 3> events{pollfd{.fd = child.pidfd(), .events = POLLIN, .revents = 0},
                                   pollfd{.fd = out.fd.get(), .events = POLLIN, .revents = 0},
                                   pollfd{.fd = err.fd.get(), .events = POLLIN, .revents = 0}};
      const int ready = ::poll(events.data(), events.size(), milliseconds_left());
      if (ready < 0 && errno != EINTR) return errno;
      if (ready > 0 && events[0].revents != 0) return finish(child);
      if (ready > 0 && events[1].revents != 0) out.take(SIZE_MAX);
      if (ready > 0 && events[2].revents != 0) err.take(SIZE_MAX);
      if (stage_ == Stage::running && out.overflowed) end(child);
      if (Steady::now() >= deadline_) out_of_time(child);
    }
  }

  Capture out;
  Capture err;
  bool timed_out = false;

 private:
  enum class Stage { running, asked_to_end, killed };

  int milliseconds_left() const {
    if (stage_ == Stage::killed) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Steady::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
  }

  void end(const Child& child) {
    child.kill_group(SIGTERM);
    stage_ = Stage::asked_to_end;
    deadline_ = Steady::now() + grace_;
  }

  void out_of_time(const Child& child) {
    if (stage_ == Stage::running) {
      timed_out = true;
      end(child);
    } else if (stage_ == Stage::asked_to_end) {
      child.kill_group(SIGKILL);
      stage_ = Stage::killed;
    }
  }

  int finish(const Child& child) {
    if (stage_ != Stage::running) child.kill_group(SIGKILL);
    out.take_rest();
    err.take_rest();
    return 0;
  }

  Stage stage_ = Stage::running;
  Steady::time_point deadline_;
  std::chrono::milliseconds grace_;
};

void keep_exit_statuses() {
  struct sigaction current{};
  ::sigaction(SIGCHLD, nullptr, &current);
  if (current.sa_handler != SIG_IGN && (current.sa_flags & SA_NOCLDWAIT) == 0) return;
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, nullptr);
}

Result<pid_t> spawn(const fs::path& program, const Command& command, const Channels& channels) {
  const SpawnSettings settings(channels, command.directory_fd);
  if (settings.error != 0) return system_failed(command.argv.front(), settings.error);
  std::vector<std::string> argv = command.argv;
  std::vector<std::string> environment = command.environment.value_or(std::vector<std::string>{});
  auto environment_pointers = pointers(environment);
  pid_t pid = -1;
  keep_exit_statuses();
  const int error =
      ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes, pointers(argv).data(),
                    command.environment ? environment_pointers.data() : environ);
  switch (error) {
    case 0:
      return pid;
    case ENOENT:  // the interpreter that a script names
    case EACCES:
    case ENOEXEC:
    case ENOTDIR:
    case ELOOP:
    case EPERM:
      return fail(Fault::unavailable, "{}: cannot be executed: {}", printable(program.string()),
                  errno_text(error));
    default:
      return system_failed(command.argv.front(), error);
  }
}

bool holds_nul(const Command& command) {
  const auto nul = [](const std::string& word) { return word.find('\0') != std::string::npos; };
  return std::ranges::any_of(command.argv, nul) ||
         (command.environment && std::ranges::any_of(*command.environment, nul));
}

}  // namespace

std::string to_string(const Finished& finished) {
  if (finished.timed_out) return "did not end in time and was killed";
  if (finished.signal == 0) return fmt::format("ended with status {}", finished.exit_status);
  const char* name = ::sigdescr_np(finished.signal);
  return fmt::format("was ended by signal {} ({})", finished.signal, name == nullptr ? "unknown" : name);
}

std::string failure_text(std::string_view program, const Finished& finished) {
  const std::string_view said = trim(finished.err.empty() ? finished.out : finished.err);
  return fmt::format("{} {}{}{}", printable(program), to_string(finished), said.empty() ? "" : ": ",
                     printable(said, 2000));
}

Result<fs::path> find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) {
    if (is_executable(name)) return name;
    return fail(Fault::unavailable, "{}: there is no such program, or it may not be executed",
                printable(name));
  }
  const char* path = std::getenv("PATH");
  const std::string folders =
      fmt::format("{}:{}", path == nullptr ? default_path : std::string_view(path), system_folders);
  for (std::string_view rest = folders; !name.empty() && !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (folder.starts_with('/') && is_executable(fs::path(folder) / name)) return fs::path(folder) / name;
  }
  return fail(Fault::unavailable, "{}: there is no such program in {}", printable(name), printable(folders));
}

Result<Finished> run_program(const Command& command) {
  if (command.argv.empty() || holds_nul(command)) {
    return fail(Fault::internal, "cannot run a program without a name or with a NUL in its arguments");
  }
  auto program = TRY(find_program(command.argv.front()));
  std::error_code error_of_path;
  if (command.directory_fd >= 0) program = fs::absolute(program, error_of_path);
  if (error_of_path) return system_failed(command.argv.front(), error_of_path.value());
  Channels channels;
  if (const int error = channels.open(command); error != 0) return system_failed(command.argv.front(), error);
  Watch watch(command, channels);
  const auto pid = TRY(spawn(program, command, channels));
  Child child(pid);
  channels = {};  // so that no pipe stays open after the program exits
  if (child.error() != 0) return system_failed(command.argv.front(), child.error());
  int status = 0;
  int error = watch.until_end(child);
  if (error == 0) error = child.wait(status);
  if (error != 0) {
    return fail(Fault::internal, "{}: cannot wait for the process: {}", printable(command.argv.front()),
                errno_text(error));
  }
  if (watch.out.overflowed && !watch.timed_out) {
    return fail(Fault::data, "{}: wrote more than {} bytes and was ended", printable(command.argv.front()),
                command.out_limit);
  }
  return Finished{.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                  .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                  .timed_out = watch.timed_out,
                  .out = std::move(watch.out.bytes),
                  .err = std::move(watch.err.bytes)};
}

}  // namespace starttls
