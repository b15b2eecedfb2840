#include "command/alias.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "base/log.h"
#include "base/text.h"

namespace starttls::command {
namespace {

constexpr int delivered = 0;
constexpr int try_again = 75;  // EX_TEMPFAIL (sysexits.h)

// From now on nothing is printed; whether that can be had.
bool print_nothing() {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  return nowhere >= 0 && ::dup2(nowhere, STDOUT_FILENO) >= 0 && ::dup2(nowhere, STDERR_FILENO) >= 0;
}

int exit_status(const std::function<Result<int>()>& body) {
  try {
    const auto status = body();
    // Fault::data counts as delivered, too: the command has dealt with an input that is no report.
    if (status) return delivered;
    log_error("{}; the mail server tries again", status.error().message);
  } catch (const std::exception& error) {
    log_error("{}; the mail server tries again", printable(error.what()));
  }
  return try_again;
}

}  // namespace

bool is_alias(const std::vector<std::filesystem::path>& inputs, bool quiet, bool json) {
  return quiet && !json && inputs.size() == 1 && inputs.front() == "-";
}

int run_for_alias(const std::function<Result<int>()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(print_nothing() ? exit_status(body) : try_again);
  }
  int ended = 0;
  while (child > 0 && ::waitpid(child, &ended, 0) < 0) {
    if (errno != EINTR) return try_again;
  }
  return child > 0 && WIFEXITED(ended) && WEXITSTATUS(ended) == delivered ? delivered : try_again;
}

Result<int> run_around_alias(const std::vector<std::filesystem::path>& inputs, const CommandContext& context,
                             const Body& body) {
  if (!is_alias(inputs, context.quiet, context.json)) return body(LogTarget::command);
  return run_for_alias([&] { return body(LogTarget::syslog); });
}

}  // namespace starttls::command
