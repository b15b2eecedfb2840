#include "milter/listener.h"

#include <libmilter/mfapi.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

// "unix:/path" and "local:/path" -> "/path".
std::optional<std::string> unix_path(std::string_view socket) {
  for (const std::string_view scheme : {"unix:", "local:"}) {
    if (socket.starts_with(scheme)) return std::string(socket.substr(scheme.size()));
  }
  return std::nullopt;
}

// "inet:port@host", "inet6:port" (everywhere): libmilter takes a port out of range for another one.
bool is_inet(std::string_view socket) {
  const auto colon = socket.find(':');
  const std::string_view scheme = socket.substr(0, colon);
  if (colon == std::string_view::npos || (scheme != "inet" && scheme != "inet6")) return false;
  const std::string_view port = socket.substr(colon + 1, socket.find('@') - colon - 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

// 0, or the errno value of the attempt.
int try_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  const int rc = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return rc == 0 ? 0 : errno;
}

Result<void> clear_stale_socket(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return fail(Fault::unavailable, "{}: exists and is no socket", printable(path));
  }
  const int error = try_unix(path);
  if (error == 0) return fail(Fault::temporary, "{}: another program listens there", printable(path));
  if (error != ECONNREFUSED) {
    return fail(Fault::unavailable, "{}: cannot tell whether somebody listens there: {}", printable(path),
                errno_text(error));
  }
  spdlog::info("{}: removing the socket that an earlier process left", printable(path));
  if (::unlink(path.c_str()) != 0) {
    return fail(Fault::unavailable, "{}: {}", printable(path), errno_text(errno));
  }
  return {};
}

// The group that may connect: the configured one, or Postfix's where that is likely to be what is meant.
Result<std::optional<gid_t>> socket_group(const Configuration& configuration) {
  const bool by_default = configuration.socket_group.empty();
  if (by_default && ::geteuid() != 0) return std::nullopt;
  const auto group = service::find_group(by_default ? "postfix" : configuration.socket_group);
  if (group) return *group;
  if (by_default) return std::nullopt;
  return fail(Fault::config, "'milter.socket_group': {}", group.error().message);
}

Result<std::optional<uid_t>> socket_owner(const Configuration& configuration,
                                          const std::optional<service::Identity>& identity) {
  if (configuration.socket_owner.empty())
    return identity ? std::optional<uid_t>(identity->uid) : std::nullopt;
  const auto owner = service::find_identity(configuration.socket_owner, "");
  if (!owner) return fail(Fault::config, "'milter.socket_owner': {}", owner.error().message);
  return owner->uid;
}

Result<void> admit(const std::string& path, const Configuration& configuration,
                   const std::optional<service::Identity>& identity) {
  const auto group = socket_group(configuration);
  if (!group) return std::unexpected(group.error());
  const auto owner = socket_owner(configuration, identity);
  if (!owner) return std::unexpected(owner.error());
  const bool changes = *owner || *group;
  if (changes && ::lchown(path.c_str(), owner->value_or(static_cast<uid_t>(-1)),
                          group->value_or(static_cast<gid_t>(-1))) != 0) {
    return fail(Fault::permission, "{}: cannot give it to its owner and group: {}", printable(path),
                errno_text(errno));
  }
  if (::chmod(path.c_str(), configuration.socket_mode) != 0) {
    return fail(Fault::permission, "{}: cannot set its mode: {}", printable(path), errno_text(errno));
  }
  return {};
}

// The daemon leaves for "/", and libmilter takes any word for a path.
Result<void> check_form(const std::string& socket, const std::optional<std::string>& path) {
  const bool known_form = path ? path->starts_with('/') : is_inet(socket);
  if (known_form) return {};
  return fail(Fault::usage, "'{}' is no socket such as unix:/path or inet:port@host", printable(socket));
}

}  // namespace

Result<void> check_listener(const Configuration& configuration) {
  if (auto formed = check_form(configuration.socket, unix_path(configuration.socket)); !formed) return formed;
  if (const auto group = socket_group(configuration); !group) return std::unexpected(group.error());
  if (const auto owner = socket_owner(configuration, std::nullopt); !owner)
    return std::unexpected(owner.error());
  return {};
}

Result<void> open_listener(const Configuration& configuration,
                           const std::optional<service::Identity>& identity) {
  const std::string& socket = configuration.socket;
  const auto path = unix_path(socket);
  if (auto formed = check_form(socket, path); !formed) return formed;
  if (path) {
    if (auto cleared = clear_stale_socket(*path); !cleared) return cleared;
  }
  std::string writable = socket;
  if (smfi_setconn(writable.data()) != MI_SUCCESS) {
    return fail(Fault::usage, "libmilter does not take '{}' for a socket", printable(socket));
  }
  // Nobody connects between bind and chmod: the socket is made with no rights for others.
  const mode_t before = ::umask(0177);
  errno = 0;
  const int opened = smfi_opensocket(false);
  const int reason = errno;
  ::umask(before);
  if (opened != MI_SUCCESS && reason == EADDRINUSE) {
    return fail(Fault::temporary, "{}: another program listens there", printable(socket));
  }
  if (opened != MI_SUCCESS) {
    return fail(Fault::unavailable, "{}: cannot listen there{}", printable(socket),
                reason != 0 ? ": " + errno_text(reason) : "");
  }
  if (!path) return {};
  auto admitted = admit(*path, configuration, identity);
  if (!admitted) ::unlink(path->c_str());
  return admitted;
}

void close_listener(const Configuration& configuration) {
  if (const auto path = unix_path(configuration.socket)) ::unlink(path->c_str());
}

}  // namespace starttls::milter
