// The socket that the MTA connects to.
#pragma once

#include <optional>
#include <utility>

#include "base/result.h"
#include "base/user.h"
#include "config/address.h"
#include "config/tlsrpt_toml.h"
#include "daemon/user.h"

namespace starttls::milter {

// Under systemd a unix socket stays open while the service restarts: connections wait meanwhile, and the daemon goes
// on with the socket that it gets from systemd.
class Listener {
 public:
  // Opens the socket of the configuration for libmilter. A unix socket of a process that has exited is removed;
  // the new one gets its owner, group and mode as in unix_socket.h. `user`: whom the daemon is about to
  // switch to. Fault::temporary where another program listens there, else Fault::unavailable with the reason.
  static Result<Listener> open(const config::TlsrptConfig& config, const std::optional<User>& user);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  // Of a daemon that stops: no further connection is accepted on a socket that systemd keeps. Another unix
  // socket is removed, so that the MTA cannot connect. Without the right to remove it, the socket stays: the
  // next start replaces it.
  void close();

 private:
  Listener(config::Address address, bool is_kept) : address_(std::move(address)), is_kept_(is_kept) {}

  std::optional<config::Address> address_;  // none once it is closed
  bool is_kept_ = false;                    // by systemd
};

daemon::Table daemon_table(const config::TlsrptConfig& config);

// Whether the owner and the group of the socket exist. Errors as of Listener::open().
Result<void> check_listener(const config::TlsrptConfig& config);

}  // namespace starttls::milter
