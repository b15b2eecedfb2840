// Runs another program and waits for its end, without a shell.
//
//     const Finished done = TRY(run_program({.argv = {"makemap", "hash", map}, .stdin_fd = source.get()}));
//     if (!done.succeeded()) return fail(Fault::io, "{}", failure_text("makemap", done));
//
// The program gets its arguments as they are, the three descriptors named below and no other, all signals
// unblocked and at their defaults, and a process group of its own: Ctrl-C at our terminal does not reach it,
// and it continues when our process dies. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls {

struct Command {
  std::vector<std::string> argv;  // argv[0] is found as find_program() does
  // "NAME=value", instead of our own environment. The program is looked up in our PATH all the same.
  std::optional<std::vector<std::string>> environment;
  // Descriptors stay the caller's.
  int directory_fd = -1;                          // its working directory; -1: ours
  int stdin_fd = -1;                              // -1: /dev/null
  int stdout_fd = -1;                             // -1: collected in Finished::out
  bool merge_stderr = false;                      // standard error goes to standard output
  std::size_t out_limit = std::size_t{1} << 20U;  // the program is killed when it writes more bytes
  std::size_t err_limit = std::size_t{1} << 16U;  // bytes of standard error to keep; the rest is dropped
  // After `time_limit` the whole process group gets SIGTERM. It gets SIGKILL when the program has exited or
  // `grace` has passed.
  std::chrono::milliseconds time_limit = std::chrono::minutes(1);
  std::chrono::milliseconds grace = std::chrono::seconds(2);
};

// How it ended. `out` and `err` are bytes from outside: use printable() before showing them.
struct Finished {
  int exit_status = 0;  // valid where `signal` is 0
  int signal = 0;       // that killed it; 0: none
  bool timed_out = false;
  std::string out;
  std::string err;

  bool succeeded() const { return exit_status == 0 && signal == 0 && !timed_out; }
};

// "ended with status 2", "was ended by signal 9 (Killed)", "did not end in time and was killed"
std::string to_string(const Finished& finished);

// "makemap ended with status 2: its error output", escaped and cut, for the sentence of an error.
std::string failure_text(std::string_view program, const Finished& finished);

// The executable file of that name in PATH (a default where it is unset), then in /usr/local/sbin,
// /usr/sbin and /sbin: programs of an MTA are there, and cron's PATH does not include them. Relative
// directories in PATH are ignored. A name with a slash is a path already. Fault::unavailable where there is
// none.
Result<std::filesystem::path> find_program(std::string_view name);

// Waits until the program itself has ended. It does not wait for background processes of the program;
// they are killed only together with a program that exceeded its time or output limit. Fault::unavailable
// where the program is missing or cannot be executed, Fault::data where it wrote more than `out_limit`,
// Fault::temporary where the system cannot start another process. An ignored SIGCHLD is reset to its
// default, else the exit status would be lost.
Result<Finished> run_program(const Command& command);

}  // namespace starttls
