#include "listtool/serve/sockets.h"

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "service/kept_sockets.h"
#include "service/sd_notify.h"

namespace starttls::listtool::serve {
namespace {

constexpr auto kept_name = "listen";  // in systemd's store of descriptors

// The kept socket or a new one. systemd keeps it; without systemd, its file is one of `created`.
Result<UniqueFd> take_or_open(UniqueFd kept, const config::Address& address,
                              const service::SocketAccess& access, std::vector<service::Listener>& created) {
  if (kept) return kept;
  auto listener = TRY(service::Listener::open(address, access));
  UniqueFd socket = listener.take_socket();
  if (service::keep_descriptor(kept_name, socket.get())) {
    listener.leave_file();
  } else {
    created.push_back(std::move(listener));
  }
  return socket;
}

}  // namespace

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
  auto passed = TRY(service::take_passed_sockets(kept_name, settings.listen, access));
  sockets.listening = std::move(passed.of_units);
  if (!sockets.listening.empty())
    sockets.shown = fmt::format(" {} of systemd", counted(sockets.listening.size(), "socket"));
  for (std::size_t i = 0; i < settings.listen.size(); ++i) {
    const config::Address& address = settings.listen[i];
    const auto is_it = [&](const UniqueFd& socket) { return service::listens_at(socket, address); };
    if (std::ranges::any_of(sockets.listening, is_it)) continue;
    auto socket = TRY(take_or_open(std::move(passed.kept[i]), address, access, sockets.created));
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
