#include "service/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace starttls::service {
namespace {

constexpr std::string_view unix_scheme = "unix:";
constexpr std::string_view inet_scheme = "inet:";

Result<Address> no_address(std::string_view text) {
  return fail(Fault::config, R"(is '{}', no socket such as "unix:/path" or "inet:127.0.0.1:8461")",
              printable(text, 200));
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

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

Result<UniqueFd> open_unix(const std::string& path, const SocketAccess& access) {
  const auto address = socket_address(path);
  if (!address) return std::unexpected(address.error());
  UniqueFd socket = new_socket(AF_UNIX);
  const auto made = make_unix_socket(path, access, [&]() -> Result<void> {
    if (::bind(socket.get(), view(*address), sizeof *address) == 0) return {};
    return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(path), errno_text(errno));
  });
  if (!made) return std::unexpected(made.error());
  // From now on it is connected to, by those who may.
  if (auto listening = listen_at(socket, path); !listening) {
    remove_unix_socket(path);
    return std::unexpected(listening.error());
  }
  return socket;
}

Result<UniqueFd> open_inet(const Address& address) {
  const std::string name = to_text(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0) return fail(Fault::unavailable, "{}: {}", printable(name), ::gai_strerror(failure));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> first(found, &::freeaddrinfo);
  UniqueFd socket = new_socket(first->ai_family);
  const int on = 1;
  // So that a restart need not wait for the connections of before to fade.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), first->ai_addr, first->ai_addrlen) != 0) {
    if (errno == EADDRINUSE)
      return fail(Fault::temporary, "{}: another program listens there", printable(name));
    return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(name), errno_text(errno));
  }
  if (auto listening = listen_at(socket, name); !listening) return std::unexpected(listening.error());
  return socket;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (text.find('\0') != text.npos) return no_address(text);
  if (text.starts_with(unix_scheme)) {
    const std::string_view path = text.substr(unix_scheme.size());
    if (path.size() < 2 || !path.starts_with('/') || path.ends_with('/')) return no_address(text);
    return Address{.path = std::string(path)};
  }
  if (!text.starts_with(inet_scheme)) return no_address(text);
  const std::string_view rest = text.substr(inet_scheme.size());
  const auto colon = rest.rfind(':');
  if (colon == rest.npos) return no_address(text);
  std::string_view host = rest.substr(0, colon);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const auto port = port_of(rest.substr(colon + 1));
  if (host.empty() || !port || (host.find(':') != host.npos) != is_bracketed) return no_address(text);
  return Address{.host = std::string(host), .port = *port};
}

std::string to_text(const Address& address) {
  if (address.is_unix()) return "unix:" + address.path;
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + address.host + "]" : address.host;
  return fmt::format("inet:{}:{}", host, address.port);
}

Result<Listener> Listener::open(const Address& address, const SocketAccess& access) {
  auto socket = address.is_unix() ? open_unix(address.path, access) : open_inet(address);
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

}  // namespace starttls::service
