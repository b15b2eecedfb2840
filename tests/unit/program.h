// Runs a program from a test: without a shell, with the arguments unchanged.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "catch.h"

namespace starttls::test {

// Returns the exit status; standard output and error are discarded. If the program cannot be started, or a
// signal ends it, the test fails.
inline int run(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) FAIL("cannot start " << arguments.front());
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) FAIL(arguments.front() << " did not exit");
  return WEXITSTATUS(status);
}

}  // namespace starttls::test
