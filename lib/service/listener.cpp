#include "service/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "base/try.h"

namespace starttls::service {
namespace {

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Fault::unavailable, "{}: {}", printable(path), errno_text(ENAMETOOLONG));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* view(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd new_socket(int family, int type = SOCK_STREAM) {
  return UniqueFd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<void> bind_at(const UniqueFd& socket, const sockaddr_un& address, const std::string& path) {
  if (::bind(socket.get(), view(address), sizeof address) == 0) return {};
  return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(path), errno_text(errno));
}

Result<void> listen_at(const UniqueFd& socket, std::string_view name) {
  if (::listen(socket.get(), SOMAXCONN) != 0) {
    return fail(errno == EADDRINUSE ? Fault::temporary : Fault::unavailable, "{}: cannot listen there: {}",
                printable(name), errno_text(errno));
  }
  return {};
}

Result<UniqueFd> open_unix(const std::string& path, const SocketAccess& access, Threads threads) {
  const sockaddr_un address = TRY(socket_address(path));
  UniqueFd socket = new_socket(AF_UNIX);
  TRY(create_unix_socket(path, access, [&] { return bind_at(socket, address, path); }, threads));
  // From now on, those who may can connect to it.
  const auto listening = listen_at(socket, path);
  if (!listening) remove_unix_socket(path);
  TRY(listening);
  return socket;
}

Result<UniqueFd> open_inet(const config::Address& address) {
  const std::string name = printable(to_string(address));
  const auto resolved = TRY(resolve(address));
  UniqueFd socket = new_socket(resolved.storage.ss_family);
  const int on = 1;
  // A restart then need not wait until the connections of the earlier process are gone.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family == config::Address::Family::ipv6)
    (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), resolved.get(), resolved.size) != 0) {
    if (errno == EADDRINUSE) return fail(Fault::temporary, "{}: another program listens there", name);
    return fail(Fault::unavailable, "{}: cannot listen there: {}", name, errno_text(errno));
  }
  TRY(listen_at(socket, name));
  return socket;
}

template <class T>
T as(const config::SocketAddress& address) {
  T copy{};
  std::memcpy(&copy, &address.storage, sizeof copy);
  return copy;
}

// The path of a unix socket; "" for another socket.
std::string socket_path(const config::SocketAddress& address) {
  if (address.storage.ss_family != AF_UNIX) return {};
  const auto at = as<sockaddr_un>(address);
  return {at.sun_path, ::strnlen(at.sun_path, sizeof at.sun_path)};
}

std::uint16_t socket_port(const config::SocketAddress& address) {
  // The port is at the same place for IPv4 and IPv6.
  return ntohs(as<sockaddr_in>(address).sin_port);
}

// The bytes of the IP address.
std::string socket_host(const config::SocketAddress& address) {
  const auto bytes = [](const auto& ip) {
    return std::string(reinterpret_cast<const char*>(&ip), sizeof ip);
  };
  return address.storage.ss_family == AF_INET ? bytes(as<sockaddr_in>(address).sin_addr)
                                              : bytes(as<sockaddr_in6>(address).sin6_addr);
}

std::optional<config::SocketAddress> bound_address(const UniqueFd& socket) {
  config::SocketAddress bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size) != 0)
    return std::nullopt;
  return bound;
}

bool is_every_address(const config::SocketAddress& address) {
  const std::string host = socket_host(address);
  return host.find_first_not_of('\0') == host.npos;
}

bool takes_ipv4(const UniqueFd& socket) {
  int only_ipv6 = 0;
  socklen_t size = sizeof only_ipv6;
  (void)::getsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, &size);
  return only_ipv6 == 0;
}

// Names that sd_listen_fds_with_names(3) has allocated; ends with a nullptr.
struct NamesDeleter {
  void operator()(char** names) const {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(static_cast<void*>(names));
  }
};
using Names = std::unique_ptr<char*, NamesDeleter>;

}  // namespace

Result<Listener> Listener::open(const config::Address& address, const SocketAccess& access, Threads threads) {
  auto socket = TRY(address.is_unix() ? open_unix(address.path, access, threads) : open_inet(address));
  return Listener(std::move(socket), address.path);
}

Listener::Listener(Listener&& other) noexcept
    : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})) {}

Listener::~Listener() {
  if (!path_.empty()) remove_unix_socket(path_);
}

Result<UniqueFd> open_datagram_socket(const std::string& path, const SocketAccess& access) {
  const sockaddr_un address = TRY(socket_address(path));
  UniqueFd socket = new_socket(AF_UNIX, SOCK_DGRAM);
  TRY(create_unix_socket(path, access, [&] { return bind_at(socket, address, path); }));
  return socket;
}

namespace {

bool is_of_type(int fd, SocketType type) {
  constexpr int listens = 1;
  constexpr int any = -1;
  return type == SocketType::stream ? ::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, listens) > 0
                                    : ::sd_is_socket(fd, AF_UNSPEC, SOCK_DGRAM, any) > 0;
}

}  // namespace

Result<std::vector<ActivatedSocket>> activated_sockets(SocketType type) {
  std::vector<ActivatedSocket> sockets;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  const Names owner(names);
  if (count < 0) return fail(Fault::unavailable, "the sockets of systemd: {}", errno_text(-count));
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    sockets.push_back({UniqueFd(fd), names[fd - SD_LISTEN_FDS_START]});
    if (!is_of_type(fd, type)) {
      return fail(Fault::unavailable, "descriptor {} from systemd is no {}", fd,
                  type == SocketType::stream ? "stream socket that listens" : "datagram socket");
    }
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
      return fail(Fault::unavailable, "descriptor {} from systemd: {}", fd, errno_text(errno));
    }
  }
  return sockets;
}

bool is_bound_to(const UniqueFd& socket, const config::Address& address) {
  const auto bound = bound_address(socket);
  if (!bound) return false;
  if (address.is_unix()) return socket_path(*bound) == address.path;
  const auto wanted = resolve(address);
  return wanted && wanted->storage.ss_family == bound->storage.ss_family &&
         address.port == socket_port(*bound) && socket_host(*bound) == socket_host(*wanted);
}

bool listens_at(const UniqueFd& socket, const config::Address& address) {
  const auto found = bound_address(socket);
  if (!found) return false;
  const config::SocketAddress& bound = *found;
  if (address.is_unix()) return socket_path(bound) == address.path;
  const auto wanted = resolve(address);
  if (!wanted || address.port != socket_port(bound)) return false;
  const bool is_ipv4 = wanted->storage.ss_family == AF_INET;
  switch (bound.storage.ss_family) {
    case AF_INET:
      return is_ipv4 && (is_every_address(bound) || socket_host(bound) == socket_host(*wanted));
    case AF_INET6:
      if (is_ipv4) return is_every_address(bound) && takes_ipv4(socket);
      return is_every_address(bound) || socket_host(bound) == socket_host(*wanted);
    default:
      return false;
  }
}

}  // namespace starttls::service
