// Running another program to its end, without a shell.
//
//     const auto done = run_program({.argv = {"makemap", "hash", map}, .stdin_fd = source.get()});
//     if (!done) return std::unexpected(done.error());
//     if (!done->succeeded()) return fail(Fault::io, "{}", failure_text("makemap", *done));
//
// The program gets its arguments as they are, the three descriptors named below and no other, every signal
// unblocked and at its default, and a process group of its own: Ctrl-C at our terminal does not reach it, and
// when we die it goes on by itself. Thread-safe.
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
  int directory_fd = -1;                          // where it runs; -1: our own. Stays the caller's
  int stdin_fd = -1;                              // -1: /dev/null. Stays the caller's, as does the next
  int stdout_fd = -1;                             // -1: kept in Finished::out
  bool merge_stderr = false;                      // standard error goes where standard output goes
  std::size_t out_limit = std::size_t{1} << 20U;  // more bytes of output than this end the program
  std::size_t err_limit = std::size_t{1} << 16U;  // of standard error this much is kept, the rest dropped
  // After `time_limit` the whole process group gets SIGTERM, and SIGKILL when the program has ended or
  // `grace` has passed.
  std::chrono::milliseconds time_limit = std::chrono::minutes(1);
  std::chrono::milliseconds grace = std::chrono::seconds(2);
};

// How it ended. `out` and `err` are bytes from outside: printable() before they are shown.
struct Finished {
  int exit_status = 0;  // where no signal ended it
  int signal = 0;       // the one that ended it; 0: none
  bool timed_out = false;
  std::string out;
  std::string err;

  bool succeeded() const { return exit_status == 0 && signal == 0 && !timed_out; }
};

// "ended with status 2", "was ended by signal 9 (Killed)", "did not end in time and was killed"
std::string to_string(const Finished& finished);

// "makemap ended with status 2: what it said", escaped and cut, for the sentence of an error.
std::string failure_text(std::string_view program, const Finished& finished);

// The executable file of that name in PATH (a default where it is unset), then in /usr/local/sbin, /usr/sbin
// and /sbin, where the programs of an MTA are and cron's PATH does not lead. Relative folders in PATH are
// passed over. A name with a slash is a path already. Fault::unavailable where there is none.
Result<std::filesystem::path> find_program(std::string_view name);

// Waits until the program itself has ended; what it left behind in the background is not waited for, and ends
// only together with a program that ran too long or wrote too much. Fault::unavailable where it is missing or
// cannot be executed, Fault::data where it wrote more than `out_limit`, Fault::temporary where the system has
// no room for another process. An ignored SIGCHLD is set to its default, as the status would be lost.
Result<Finished> run_program(const Command& command);

}  // namespace starttls
