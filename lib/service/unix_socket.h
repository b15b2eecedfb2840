// Unix sockets of a service that may run as root, in directories that may belong to another user.
//
// Nothing is changed by path: a socket gets its mode from the umask when it is created, and its owner and
// group through a descriptor of the socket itself. In a directory that another user owns, root creates and
// removes it with the rights of that user.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace starttls::service {

// Who may connect to a unix socket.
struct SocketAccess {
  mode_t mode = 0660;
  std::optional<uid_t> owner;  // none: ourselves
  std::optional<gid_t> group;
};

// The umask and the user are those of the whole process: with other threads they stay as they are.
enum class Threads { none, running };

// Removes a socket that no process answers, calls `bind`, which creates the new one at the path, and sets its
// owner and group; where that fails, the new socket is removed. With Threads::none the umask, and maybe the
// user, of the whole process changes meanwhile. With Threads::running the socket has its mode once this
// returns, and `bind` must not listen yet. Fault::temporary where a program listens there already,
// Fault::unavailable where the socket cannot be created, Fault::permission.
Result<void> create_unix_socket(const std::string& path, const SocketAccess& access,
                                const std::function<Result<void>()>& bind, Threads threads = Threads::none);

// Whether the socket at the path has the owner, group and mode that create_unix_socket() would give it.
bool is_as_created(const std::string& path, const SocketAccess& access);

// Removes the socket at the path, if it is one and has the owner that create_unix_socket() would give it.
void remove_own_unix_socket(const std::string& path, const SocketAccess& access);

// Removes the socket at the path, if it is one. Without the right to remove it, the socket stays: the next
// start replaces it.
void remove_unix_socket(const std::string& path);

}  // namespace starttls::service
