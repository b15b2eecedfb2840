#include "listtool/serve/sockets.h"

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::listtool::serve {

Result<std::optional<User>> find_configured_user(const Configuration& configuration) {
  const ServeSettings& settings = configuration.serve;
  if (settings.user.empty()) return std::nullopt;
  User user = TRY(config::at_key(configuration, "serve.user", find_user(settings.user)));
  if (!settings.group.empty())
    user.gid = TRY(config::at_key(configuration, "serve.group", find_group(settings.group)));
  return user;
}

Result<service::SocketAccess> socket_access(const Configuration& configuration,
                                            const std::optional<User>& user) {
  const ServeSettings& settings = configuration.serve;
  service::SocketAccess access{.mode = settings.socket_mode};
  if (user) {
    access.owner = user->uid;
    access.group = user->gid;
  }
  if (!settings.socket_group.empty()) {
    access.group =
        TRY(config::at_key(configuration, "serve.socket_group", find_group(settings.socket_group)));
  }
  return access;
}

Result<Sockets> open_sockets(const Configuration& configuration, const std::optional<User>& user) {
  const ServeSettings& settings = configuration.serve;
  Sockets sockets;
  const auto access = TRY(socket_access(configuration, user));
  const auto open = [&](const config::Address& address) -> Result<UniqueFd> {
    auto listener = TRY(service::Listener::open(address, access));
    UniqueFd socket = listener.take_socket();
    sockets.created.push_back(std::move(listener));
    return socket;
  };
  auto activated = TRY(service::activated_sockets());
  sockets.listening = std::move(activated);
  if (!sockets.listening.empty())
    sockets.shown = fmt::format(" {} of systemd", counted(sockets.listening.size(), "socket"));
  for (const config::Address& address : settings.listen) {
    const auto is_it = [&](const UniqueFd& socket) { return service::listens_at(socket, address); };
    if (std::ranges::any_of(sockets.listening, is_it)) continue;
    auto socket = TRY(open(address));
    sockets.listening.push_back(std::move(socket));
    sockets.shown += " " + printable(config::to_string(address));
  }
  if (sockets.listening.empty()) {
    return std::unexpected(
        configuration.error_at("serve.listen", "names no socket, and there is none of systemd"));
  }
  if (settings.metrics) sockets.metrics = std::make_unique<service::MetricsServer>(*settings.metrics, access);
  return sockets;
}

}  // namespace starttls::listtool::serve
