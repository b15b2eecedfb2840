// The sockets that systemd keeps for a service over its restarts, so that meanwhile no connection is refused
// (keep_descriptor() in sd_notify.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "config/address.h"
#include "service/listener.h"
#include "service/unix_socket.h"

namespace starttls::service {

struct PassedSockets {
  std::vector<UniqueFd> of_units;  // of socket units
  std::vector<UniqueFd> kept;      // one for each address; not valid where a new one is needed
};

// The sockets that systemd passes to this process. Of those that it has kept under `name`, takes the one that is bound to
// each address. There is none at the first start, and where the settings of a unix socket have changed (`access`). Has
// systemd forget the others, and closes them, so that their addresses are free. To be called once. Errors: those of
// activated_sockets().
Result<PassedSockets> take_passed_sockets(const std::string& name, std::span<const config::Address> addresses,
                                          const SocketAccess& access, SocketType type = SocketType::stream);

}  // namespace starttls::service
