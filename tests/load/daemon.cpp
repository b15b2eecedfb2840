#include "load/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <utility>

namespace starttls::load {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

bool somebody_listens(const Address& address) {
  const auto fd = address.connect();
  if (!fd) return false;
  pollfd watched{.fd = fd->get(), .events = POLLOUT, .revents = 0};
  int error = 0;
  socklen_t size = sizeof error;
  return ::poll(&watched, 1, 1000) == 1 &&
         ::getsockopt(fd->get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace

Daemon::Daemon(std::vector<std::string> command_line, std::filesystem::path log)
    : command_line_(std::move(command_line)), log_(std::move(log)) {}

Daemon::~Daemon() {
  if (running()) kill();
}

Result<void> Daemon::start(const Address& listens_at) {
  std::vector<char*> arguments;
  arguments.reserve(command_line_.size() + 1);
  for (const std::string& argument : command_line_) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const UniqueFd log(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log) return fail(Fault::io, "{}: {}", log_.string(), errno_text(errno));

  pid_ = ::fork();
  if (pid_ < 0) return fail(Fault::temporary, "fork: {}", errno_text(errno));
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log.get(), STDERR_FILENO);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }
  const auto deadline = Steady::now() + 10s;
  while (!somebody_listens(listens_at)) {
    if (const auto status = wait_exit(2ms)) {
      return fail(Fault::unavailable, "{} ended with status {}", command_line_.front(), *status);
    }
    if (Steady::now() > deadline) return fail(Fault::temporary, "{} does not listen", command_line_.front());
  }
  return {};
}

void Daemon::kill() {
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void Daemon::send_term() const {
  ::kill(pid_, SIGTERM);
}

void Daemon::send_hup() const {
  ::kill(pid_, SIGHUP);
}

std::optional<int> Daemon::wait_exit(std::chrono::milliseconds patience) {
  // A descriptor of the process becomes readable when it ends.
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd ended{.fd = process.get(), .events = POLLIN};
  if (::poll(&ended, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::uint64_t Daemon::resident_kib() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

std::string private_inet_socket() {
  const auto id = static_cast<unsigned>(::getpid());
  // Below the range of outgoing ports (ip(7), ip_local_port_range), above those that need privileges.
  return fmt::format("inet:{}@127.{}.{}.{}", 10000 + id % 20000, 1 + id / 65536 % 250, id / 256 % 256,
                     1 + id % 250);
}

}  // namespace starttls::load
