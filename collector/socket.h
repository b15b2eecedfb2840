// The socket that Postfix sends its results to.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"
#include "daemon/user.h"

namespace starttls::collector {

daemon::Table daemon_table(const config::TlsrptConfig& configuration);

// Fault::usage where it is no unix socket: one of the command line, since the configuration has no other.
Result<void> check_address(const config::Address& address);

// A socket of a systemd unit, one that systemd has kept while the service restarted, or a new one. Under systemd it
// stays open while the service restarts: datagrams wait meanwhile.
class Socket {
 public:
  // `user`: whom the daemon is about to switch to. Fault::temporary where another program has it, else
  // Fault::unavailable with the reason.
  static Result<Socket> open(const config::TlsrptConfig& configuration, const std::optional<User>& user);

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  // Removes its file, unless systemd keeps it.
  ~Socket();

  const UniqueFd& descriptor() const { return descriptor_; }

 private:
  Socket(UniqueFd descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  UniqueFd descriptor_;
  std::string path_;  // "": nothing to be removed
};

}  // namespace starttls::collector
