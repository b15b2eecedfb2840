#include "service/kept_sockets.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "service/sd_notify.h"
#include "service/unix_socket.h"

namespace starttls::service {
namespace {

UniqueFd take(std::vector<UniqueFd>& sockets, const config::Address& address, const SocketAccess& access) {
  const auto found = std::ranges::find_if(
      sockets, [&](const UniqueFd& socket) { return socket && is_bound_to(socket, address); });
  if (found == sockets.end()) return {};
  if (address.is_unix() && !is_as_created(address.path, access)) {
    // Whether somebody listens at the path cannot be asked: systemd closes its copy some time after it forgets it.
    remove_own_unix_socket(address.path, access);
    return {};
  }
  return std::move(*found);
}

}  // namespace

Result<PassedSockets> take_passed_sockets(const std::string& name, std::span<const config::Address> addresses,
                                          const SocketAccess& access, SocketType type) {
  PassedSockets passed;
  std::vector<UniqueFd> kept;
  for (auto& [socket, its_name] : TRY(activated_sockets(type)))
    (its_name == name ? kept : passed.of_units).push_back(std::move(socket));
  passed.kept.reserve(addresses.size());
  for (const config::Address& address : addresses) passed.kept.push_back(take(kept, address, access));
  // systemd forgets those that were taken, too.
  if (std::ranges::any_of(kept, &UniqueFd::operator bool)) forget_descriptors(name);
  for (const UniqueFd& socket : passed.kept)
    if (socket) (void)keep_descriptor(name, socket.get());
  return passed;
}

}  // namespace starttls::service
