#include "milter/listener.h"

#include <libmilter/mfapi.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "service/unix_socket.h"

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

// libmilter's own words for what went wrong are none.
Result<void> open_by_libmilter(const std::string& socket) {
  errno = 0;
  const int opened = smfi_opensocket(false);
  const int reason = errno;
  if (opened == MI_SUCCESS) return {};
  if (reason == EADDRINUSE)
    return fail(Fault::temporary, "{}: another program listens there", printable(socket));
  return fail(Fault::unavailable, "{}: cannot listen there{}", printable(socket),
              reason != 0 ? ": " + errno_text(reason) : "");
}

Result<service::SocketAccess> access_of(const Configuration& configuration,
                                        const std::optional<service::Identity>& identity) {
  const auto group = socket_group(configuration);
  if (!group) return std::unexpected(group.error());
  const auto owner = socket_owner(configuration, identity);
  if (!owner) return std::unexpected(owner.error());
  return service::SocketAccess{.mode = configuration.socket_mode, .owner = *owner, .group = *group};
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
  std::string writable = socket;
  if (smfi_setconn(writable.data()) != MI_SUCCESS) {
    return fail(Fault::usage, "libmilter does not take '{}' for a socket", printable(socket));
  }
  if (!path) return open_by_libmilter(socket);
  const auto access = access_of(configuration, identity);
  if (!access) return std::unexpected(access.error());
  return service::make_unix_socket(*path, *access, [&] { return open_by_libmilter(socket); });
}

void close_listener(const Configuration& configuration) {
  if (const auto path = unix_path(configuration.socket)) service::remove_unix_socket(*path);
}

}  // namespace starttls::milter
