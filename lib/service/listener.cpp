#include "service/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/log.h"
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

// Where nobody listens, what an earlier process left is removed.
Result<void> clear_stale_socket(const std::string& path, const sockaddr_un& address) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode))
    return fail(Fault::unavailable, "{}: exists and is no socket", printable(path));
  const UniqueFd fd = new_socket(AF_UNIX);
  const int error = ::connect(fd.get(), view(address), sizeof address) == 0 ? 0 : errno;
  // With a full queue there is somebody, too.
  if (error == 0 || error == EAGAIN) {
    return fail(Fault::temporary, "{}: another program listens there", printable(path));
  }
  if (error != ECONNREFUSED) {
    return fail(Fault::unavailable, "{}: cannot tell whether somebody listens there: {}", printable(path),
                errno_text(error));
  }
  spdlog::info("{}: removing the socket that an earlier process left", printable(path));
  if (::unlink(path.c_str()) != 0)
    return fail(Fault::unavailable, "{}: {}", printable(path), errno_text(errno));
  return {};
}

Result<void> admit(const std::string& path, const SocketAccess& access) {
  const uid_t owner = access.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = access.group.value_or(static_cast<gid_t>(-1));
  if (::lchown(path.c_str(), owner, group) != 0) {
    return fail(Fault::permission, "{}: cannot give it to its owner: {}", printable(path), errno_text(errno));
  }
  if (::chmod(path.c_str(), access.mode) != 0) {
    return fail(Fault::permission, "{}: cannot set its mode: {}", printable(path), errno_text(errno));
  }
  return {};
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
  if (auto cleared = clear_stale_socket(path, *address); !cleared) return std::unexpected(cleared.error());
  UniqueFd socket = new_socket(AF_UNIX);
  // Nobody connects between bind and chmod: the socket is made with no rights for others.
  const mode_t before = ::umask(0177);
  const int error = ::bind(socket.get(), view(*address), sizeof *address) == 0 ? 0 : errno;
  ::umask(before);
  if (error != 0)
    return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(path), errno_text(error));
  auto admitted = admit(path, access);
  if (admitted) admitted = listen_at(socket, path);
  if (!admitted) {
    ::unlink(path.c_str());
    return std::unexpected(admitted.error());
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
  if (!path_.empty()) ::unlink(path_.c_str());
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
