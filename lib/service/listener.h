// The sockets of a service: made by itself, or handed over by systemd (sd_listen_fds(3)).
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

// A socket that listens; neither it nor what it accepts from blocks or is inherited. A unix socket that we
// made is removed at the end.
class Listener {
 public:
  // A unix socket that nobody answers any more is replaced. Fault::temporary where somebody listens there
  // already, Fault::unavailable where it cannot be done, Fault::permission.
  static Result<Listener> open(const config::Address& address, const SocketAccess& access,
                               Threads threads = Threads::none);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  const UniqueFd& socket() const { return socket_; }
  // The socket; its file stays this object's to remove.
  UniqueFd take_socket() { return std::move(socket_); }

 private:
  Listener(UniqueFd socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  UniqueFd socket_;
  std::string path_;  // "": nothing to be removed
};

// The stream sockets that systemd listens at for us, in the order of its unit; none where it did not start
// us. To be called once. Fault::unavailable where one of them is something else.
Result<std::vector<UniqueFd>> activated_sockets();

// Whether the socket listens at that address already: at itself, or at every address of this host.
bool listens_at(const UniqueFd& socket, const config::Address& address);

}  // namespace starttls::service
