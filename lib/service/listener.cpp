#include "service/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"

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

UniqueFd new_socket(int family) {
  return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<void> listen_at(const UniqueFd& socket, std::string_view name) {
  if (::listen(socket.get(), SOMAXCONN) != 0) {
    return fail(errno == EADDRINUSE ? Fault::temporary : Fault::unavailable, "{}: cannot listen there: {}",
                printable(name), errno_text(errno));
  }
  return {};
}

Result<UniqueFd> open_unix(const std::string& path, const SocketAccess& access, Threads threads) {
  const auto address = socket_address(path);
  if (!address) return std::unexpected(address.error());
  UniqueFd socket = new_socket(AF_UNIX);
  const auto bind = [&]() -> Result<void> {
    if (::bind(socket.get(), view(*address), sizeof *address) == 0) return {};
    return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(path), errno_text(errno));
  };
  const auto made = make_unix_socket(path, access, bind, threads);
  if (!made) return std::unexpected(made.error());
  // From now on it is connected to, by those who may.
  if (auto listening = listen_at(socket, path); !listening) {
    remove_unix_socket(path);
    return std::unexpected(listening.error());
  }
  return socket;
}

Result<UniqueFd> open_inet(const Address& address) {
  const std::string name = printable(to_text(address));
  const auto resolved = resolve(address);
  if (!resolved) return std::unexpected(resolved.error());
  UniqueFd socket = new_socket(resolved->storage.ss_family);
  const int on = 1;
  // So that a restart need not wait for the connections of before to fade.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family == Address::Family::ipv6)
    (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), resolved->get(), resolved->size) != 0) {
    if (errno == EADDRINUSE) return fail(Fault::temporary, "{}: another program listens there", name);
    return fail(Fault::unavailable, "{}: cannot listen there: {}", name, errno_text(errno));
  }
  if (auto listening = listen_at(socket, name); !listening) return std::unexpected(listening.error());
  return socket;
}

}  // namespace

Result<Listener> Listener::open(const Address& address, const SocketAccess& access, Threads threads) {
  auto socket = address.is_unix() ? open_unix(address.path, access, threads) : open_inet(address);
  if (!socket) return std::unexpected(socket.error());
  return Listener(std::move(*socket), address.path);
}

Listener::Listener(Listener&& other) noexcept
    : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})) {}

Listener::~Listener() {
  if (!path_.empty()) remove_unix_socket(path_);
}

Result<std::vector<UniqueFd>> activated_sockets() {
  std::vector<UniqueFd> sockets;
  const int count = ::sd_listen_fds(1);
  if (count < 0) return fail(Fault::unavailable, "the sockets of systemd: {}", errno_text(-count));
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    sockets.emplace_back(fd);
    if (::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
      return fail(Fault::unavailable, "descriptor {} from systemd is no stream socket that listens", fd);
    }
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
      return fail(Fault::unavailable, "descriptor {} from systemd: {}", fd, errno_text(errno));
    }
  }
  return sockets;
}

bool listens_at(const UniqueFd& socket, const Address& address) {
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  auto* const own = reinterpret_cast<sockaddr*>(&bound.storage);
  if (::getsockname(socket.get(), own, &bound.size) != 0) return false;
  const auto family = bound.storage.ss_family;
  if (address.is_unix()) {
    sockaddr_un at{};
    std::memcpy(&at, &bound.storage, std::min<std::size_t>(bound.size, sizeof at));
    return family == AF_UNIX &&
           address.path == std::string_view(at.sun_path, ::strnlen(at.sun_path, sizeof at.sun_path));
  }
  const auto wanted = resolve(address);
  if (!wanted) return false;
  if (family == AF_INET) {
    sockaddr_in at{};
    sockaddr_in to{};
    std::memcpy(&at, &bound.storage, sizeof at);
    std::memcpy(&to, &wanted->storage, sizeof to);
    const bool is_everywhere = at.sin_addr.s_addr == htonl(INADDR_ANY);
    return wanted->storage.ss_family == AF_INET && at.sin_port == to.sin_port &&
           (is_everywhere || at.sin_addr.s_addr == to.sin_addr.s_addr);
  }
  if (family != AF_INET6) return false;
  sockaddr_in6 at{};
  std::memcpy(&at, &bound.storage, sizeof at);
  int only_ipv6 = 0;
  socklen_t size = sizeof only_ipv6;
  (void)::getsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, &size);
  if (ntohs(at.sin6_port) != address.port) return false;
  const bool is_everywhere = IN6_IS_ADDR_UNSPECIFIED(&at.sin6_addr);
  if (wanted->storage.ss_family == AF_INET) return is_everywhere && only_ipv6 == 0;
  sockaddr_in6 to{};
  std::memcpy(&to, &wanted->storage, sizeof to);
  return is_everywhere || IN6_ARE_ADDR_EQUAL(&at.sin6_addr, &to.sin6_addr);
}

}  // namespace starttls::service
