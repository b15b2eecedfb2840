// bench-measure FILE PROGRAM [ARGUMENT...]: runs a program to its end, with /dev/null as its standard input
// and FILE as its standard output, and prints on one line
//
//   exit status (128 + N after signal N), seconds from start to end, seconds of processor time, peak memory
//   in KiB, bytes written to files on a disk (the kernel's figure, of whole pages; 0 in a tmpfs)
//
// The time is that of the monotonic clock around posix_spawn(3) and wait4(2), the rest comes from wait4. This
// is a separate program because Linux includes the memory of the process that called exec in the new
// program's peak: if an interpreter started the programs, every program would seem to need as much memory as
// the interpreter.

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

constexpr int no_program = 127;
constexpr int signal_base = 128;
constexpr long bytes_of_block = 512;  // of ru_oublock

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : signal_base + WTERMSIG(status);
}

int complain(const char* what, int error) {
  fmt::print(stderr, "bench-measure: {}: {}\n", what, std::strerror(error));
  return no_program;
}

int measure(const char* output, char** argv) {
  posix_spawn_file_actions_t files;
  if (const int error = posix_spawn_file_actions_init(&files)) return complain(argv[0], error);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  const auto start = std::chrono::steady_clock::now();
  pid_t child = -1;
  if (const int error = posix_spawnp(&child, argv[0], &files, nullptr, argv, environ)) {
    return complain(argv[0], error);
  }
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR) return complain("wait4", errno);
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

  posix_spawn_file_actions_destroy(&files);
  fmt::print("{} {:.6f} {:.6f} {} {}\n", exit_status(status), elapsed.count(),
             seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss,
             usage.ru_oublock * bytes_of_block);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: bench-measure FILE PROGRAM [ARGUMENT...]\n");
    return no_program;
  }
  return measure(argv[1], argv + 2);
}
