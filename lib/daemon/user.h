// Who a daemon runs as, once it has opened what only root may open, and who may use its socket: from the
// configuration ([milter] and [collector] of tlsrpt.toml(5)).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"
#include "service/unix_socket.h"

namespace starttls::daemon {

// A table of the configuration, for error messages: "milter".
struct Table {
  const config::TlsrptConfig& config;
  const config::DaemonConfig& daemon;  // of that table
  std::string name;
};

// The user of the configuration or, where root starts the daemon and none is named, config::default_user if
// there is one; none: the daemon keeps its user. Fault::config where the named user does not exist.
Result<std::optional<User>> user_of(const Table& table);

// The owner, group and mode of the daemon's socket. `user`: whom the daemon is about to switch to. Without a
// configured group, it is Postfix's where root starts the daemon and there is one. Fault::config.
Result<service::SocketAccess> socket_access(const Table& table, const std::optional<User>& user);

// Creates the state directory if it is missing, changes its owner to that user, and switches to that user for
// good. What is in the directory changes its owner, too, where it is root's, as after a daemon that ran as
// root: only where nobody but root could have put it there (service/ownership.h). Before any thread is
// started.
Result<void> switch_user(const User& user, const std::filesystem::path& state_dir);

}  // namespace starttls::daemon
