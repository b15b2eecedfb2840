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
  // The socket. This object still removes its file, unless leave_file() is called.
  UniqueFd take_socket() { return std::move(socket_); }
  // Its file stays at the end of this object.
  void leave_file() { path_.clear(); }

 private:
  Listener(UniqueFd socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  UniqueFd socket_;
  std::string path_;  // "": nothing to be removed
};

// A socket that systemd passes. `name`: that under which systemd has kept it (keep_descriptor() in
// sd_notify.h); of a socket unit its FileDescriptorName=, by default the name of the unit.
struct ActivatedSocket {
  UniqueFd socket;
  std::string name;
};

// Stream sockets listen; datagram sockets receive.
enum class SocketType { stream, datagram };

// The sockets that systemd passes, in the order of its units; none where systemd did not start the
// process. To be called once. Fault::unavailable where one of them is of another type.
Result<std::vector<ActivatedSocket>> activated_sockets(SocketType type = SocketType::stream);

// A unix datagram socket that receives, and does not block. Replaces a socket that no process has open. The
// caller removes its file (unix_socket.h). Errors as of Listener::open().
Result<UniqueFd> open_datagram_socket(const std::string& path, const SocketAccess& access);

// Whether the socket is bound to that address and to no other.
bool is_bound_to(const UniqueFd& socket, const config::Address& address);

// Whether the socket listens at that address already: at itself, or at every address of this host.
bool listens_at(const UniqueFd& socket, const config::Address& address);

}  // namespace starttls::service
