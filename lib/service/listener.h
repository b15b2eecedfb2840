// The sockets of a service: created by itself, or passed by systemd (sd_listen_fds(3)).
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "config/address.h"
#include "service/unix_socket.h"

namespace starttls::service {

// A socket that listens; neither it nor its connections block or are inherited. A unix socket that it created
// is removed at the end.
class Listener {
 public:
  // Replaces a unix socket that no process answers. Fault::temporary where a program listens there already,
  // Fault::unavailable where the socket cannot be created, Fault::permission.
  static Result<Listener> open(const config::Address& address, const SocketAccess& access,
                               Threads threads = Threads::none);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  const UniqueFd& socket() const { return socket_; }
  // The socket. This object still removes its file.
  UniqueFd take_socket() { return std::move(socket_); }

 private:
  Listener(UniqueFd socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  UniqueFd socket_;
  std::string path_;  // "": nothing to be removed
};

// The stream sockets that systemd passes, in the order of its unit; none where systemd did not start the
// process. To be called once. Fault::unavailable where one of them is not a stream socket.
Result<std::vector<UniqueFd>> activated_sockets();

// Whether the socket listens at that address already: at itself, or at every address of this host.
bool listens_at(const UniqueFd& socket, const config::Address& address);

}  // namespace starttls::service
