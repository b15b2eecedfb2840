#include "milter/listener.h"

#include <libmilter/mfapi.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/user.h"
#include "service/unix_socket.h"

namespace starttls::milter {
namespace {

// The group that may connect: the configured one, or Postfix's where that is likely to be what is meant.
Result<std::optional<gid_t>> socket_group(const config::TlsrptConfig& configuration) {
  const bool by_default = configuration.socket_group.empty();
  if (by_default && ::geteuid() != 0) return std::nullopt;
  const auto group = find_group(by_default ? "postfix" : configuration.socket_group);
  if (group) return *group;
  if (by_default) return std::nullopt;
  return std::unexpected(configuration.wrong("milter.socket_group", "is wrong: " + group.error().message));
}

Result<std::optional<uid_t>> socket_owner(const config::TlsrptConfig& configuration,
                                          const std::optional<User>& identity) {
  if (configuration.socket_owner.empty())
    return identity ? std::optional<uid_t>(identity->uid) : std::nullopt;
  const auto owner = find_user(configuration.socket_owner, "");
  if (owner) return owner->uid;
  return std::unexpected(configuration.wrong("milter.socket_owner", "is wrong: " + owner.error().message));
}

// libmilter's own words for what went wrong are none.
Result<void> open_by_libmilter(const config::Address& address) {
  const std::string socket = config::to_string(address);
  errno = 0;
  const int opened = smfi_opensocket(false);
  const int reason = errno;
  if (opened == MI_SUCCESS) return {};
  if (reason == EADDRINUSE)
    return fail(Fault::temporary, "{}: another program listens there", printable(socket));
  return fail(Fault::unavailable, "{}: cannot listen there{}", printable(socket),
              reason != 0 ? ": " + errno_text(reason) : "");
}

Result<service::SocketAccess> access_of(const config::TlsrptConfig& configuration,
                                        const std::optional<User>& identity) {
  const auto group = socket_group(configuration);
  if (!group) return std::unexpected(group.error());
  const auto owner = socket_owner(configuration, identity);
  if (!owner) return std::unexpected(owner.error());
  return service::SocketAccess{.mode = configuration.socket_mode, .owner = *owner, .group = *group};
}

}  // namespace

Result<void> check_listener(const config::TlsrptConfig& configuration) {
  if (const auto group = socket_group(configuration); !group) return std::unexpected(group.error());
  if (const auto owner = socket_owner(configuration, std::nullopt); !owner)
    return std::unexpected(owner.error());
  return {};
}

Result<void> open_listener(const config::TlsrptConfig& configuration, const std::optional<User>& identity) {
  const config::Address& socket = configuration.socket;
  auto text = config::to_libmilter_string(socket);
  if (!text) return std::unexpected(text.error());
  if (smfi_setconn(text->data()) != MI_SUCCESS) {
    return fail(Fault::unavailable, "libmilter does not take '{}' for a socket", printable(*text));
  }
  if (!socket.is_unix()) return open_by_libmilter(socket);
  const auto access = access_of(configuration, identity);
  if (!access) return std::unexpected(access.error());
  return service::create_unix_socket(socket.path, *access, [&] { return open_by_libmilter(socket); });
}

void close_listener(const config::TlsrptConfig& configuration) {
  if (configuration.socket.is_unix()) service::remove_unix_socket(configuration.socket.path);
}

}  // namespace starttls::milter
