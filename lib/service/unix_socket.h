// Unix sockets of a service, in directories that may belong to another user, made by one who may be root.
//
// Nothing is changed by path: a socket gets its mode from the umask when it is made, and its owner and group
// through a descriptor of the socket itself. In a directory that another user owns, root makes and removes it
// with the rights of that user.
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

// Removes a socket that nobody answers at any more, has `bind` make the new one at the path, and gives it to
// whom it is for. What `bind` has made is removed where that fails. With Threads::none the umask, and maybe
// the user, of the whole process changes meanwhile; with Threads::running the socket has its mode once this
// returns, and `bind` must not listen yet. Fault::temporary where somebody listens there already,
// Fault::unavailable where it cannot be done, Fault::permission.
Result<void> create_unix_socket(const std::string& path, const SocketAccess& access,
                                const std::function<Result<void>()>& bind, Threads threads = Threads::none);

// Removes the socket at the path, if it is one. Who may not remove it keeps it: the next start takes its
// place.
void remove_unix_socket(const std::string& path);

}  // namespace starttls::service
