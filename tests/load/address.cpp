#include "load/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace starttls::load {

Result<Address> Address::parse(const std::string& socket) {
  Address address;
  if (socket.starts_with("unix:")) {
    const std::string path = socket.substr(5);
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    if (path.size() >= sizeof place.sun_path) return fail(Fault::usage, "{}: the path is too long", path);
    std::memcpy(place.sun_path, path.data(), path.size());
    std::memcpy(&address.storage_, &place, sizeof place);
    address.size_ = sizeof place;
    return address;
  }
  const auto at = socket.find('@');
  sockaddr_in place{};
  place.sin_family = AF_INET;
  std::uint16_t port = 0;
  if (!socket.starts_with("inet:") || at == std::string::npos ||
      std::from_chars(socket.data() + 5, socket.data() + at, port).ptr != socket.data() + at ||
      ::inet_pton(AF_INET, socket.c_str() + at + 1, &place.sin_addr) != 1) {
    return fail(Fault::usage, "'{}' is no socket such as unix:/path or inet:port@127.0.0.1", socket);
  }
  place.sin_port = htons(port);
  std::memcpy(&address.storage_, &place, sizeof place);
  address.size_ = sizeof place;
  return address;
}

Result<UniqueFd> Address::connect() const {
  UniqueFd fd(::socket(family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Fault::internal, "socket: {}", errno_text(errno));
  const int rc = ::connect(fd.get(), place(), size_);
  if (rc == 0 || errno == EINPROGRESS) return fd;
  return fail(errno == EAGAIN ? Fault::temporary : Fault::unavailable, "connect: {}", errno_text(errno));
}

Result<UniqueFd> Address::connect_waiting() const {
  UniqueFd fd(::socket(family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Fault::internal, "socket: {}", errno_text(errno));
  if (::connect(fd.get(), place(), size_) == 0) return fd;
  return fail(Fault::unavailable, "connect: {}", errno_text(errno));
}

Result<UniqueFd> Address::listen() const {
  UniqueFd fd(::socket(family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Fault::internal, "socket: {}", errno_text(errno));
  if (::bind(fd.get(), place(), size_) == 0 && ::listen(fd.get(), SOMAXCONN) == 0) return fd;
  return fail(Fault::unavailable, "cannot listen: {}", errno_text(errno));
}

}  // namespace starttls::load
