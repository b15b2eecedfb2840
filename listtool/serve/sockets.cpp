#include "listtool/serve/sockets.h"

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "service/sd_notify.h"

namespace starttls::listtool::serve {
namespace {

constexpr auto kept_name = "listen";  // in systemd's store of descriptors

// Those of systemd: of socket units, and those of the process before us.
struct Activated {
  std::vector<UniqueFd> of_units;
  std::vector<UniqueFd> kept;
};

Result<Activated> activated_sockets() {
  Activated activated;
  for (auto& [socket, name] : TRY(service::activated_sockets()))
    (name == kept_name ? activated.kept : activated.of_units).push_back(std::move(socket));
  return activated;
}

// Takes the kept socket of each address: none where there is none, or where its settings have changed. Closes all
// others, so that their addresses are free.
std::vector<UniqueFd> take_kept(std::vector<UniqueFd> kept, const std::vector<config::Address>& addresses,
                                const service::SocketAccess& access) {
  std::vector<UniqueFd> taken(addresses.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const config::Address& address = addresses[i];
    const auto found = std::ranges::find_if(
        kept, [&](const UniqueFd& socket) { return socket && service::is_bound_to(socket, address); });
    if (found == kept.end()) continue;
    if (!address.is_unix() || service::is_as_created(address.path, access)) taken[i] = std::move(*found);
  }
  const auto is_left = [](const UniqueFd& socket) { return socket.get() >= 0; };
  if (std::ranges::any_of(kept, is_left)) service::forget_descriptors(kept_name);
  return taken;
}

// The kept socket or a new one. systemd keeps it; without systemd, its file is one of `created`.
Result<UniqueFd> take_or_open(UniqueFd kept, const config::Address& address,
                              const service::SocketAccess& access, std::vector<service::Listener>& created) {
  if (kept) {
    (void)service::keep_descriptor(kept_name, kept.get());  // again: all were forgotten if one was not needed
    return kept;
  }
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
  auto activated = TRY(activated_sockets());
  sockets.listening = std::move(activated.of_units);
  if (!sockets.listening.empty())
    sockets.shown = fmt::format(" {} of systemd", counted(sockets.listening.size(), "socket"));
  auto kept = take_kept(std::move(activated.kept), settings.listen, access);
  for (std::size_t i = 0; i < settings.listen.size(); ++i) {
    const config::Address& address = settings.listen[i];
    const auto is_it = [&](const UniqueFd& socket) { return service::listens_at(socket, address); };
    if (std::ranges::any_of(sockets.listening, is_it)) continue;
    auto socket = TRY(take_or_open(std::move(kept[i]), address, access, sockets.created));
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
