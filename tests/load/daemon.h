// The milter under load: its process, which the test starts and ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "load/address.h"

namespace starttls::load {

class Daemon {
 public:
  // Does not start it. Standard error is appended to `log`.
  Daemon(std::vector<std::string> command_line, std::filesystem::path log);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();  // kills the running process

  // Returns when connections are possible. Fault::unavailable if the process exits before that,
  // Fault::temporary after ten seconds.
  Result<void> start(const Address& listens_at);

  // SIGKILL; returns when the process is gone, with all its threads and locks.
  void kill();

  void send_term() const;
  void send_hup() const;

  // Waits for the exit status; returns nothing if the process still runs after `patience`.
  std::optional<int> wait_exit(std::chrono::milliseconds patience);

  bool running() const { return pid_ > 0; }
  std::uint64_t resident_kib() const;  // VmRSS

 private:
  const std::vector<std::string> command_line_;
  const std::filesystem::path log_;
  pid_t pid_ = -1;
};

// A port of a loopback address that only this process uses, so that neither another test nor an outgoing
// connection uses it while the daemon is down: "inet:port@127.x.y.z".
std::string private_inet_socket();

}  // namespace starttls::load
