// The sockets of the server, and the user that it runs as.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/user.h"
#include "listtool/configuration.h"
#include "service/listener.h"
#include "service/metrics_server.h"

namespace starttls::listtool::serve {

struct Sockets {
  std::vector<UniqueFd> listening;                  // for mail servers
  std::unique_ptr<service::MetricsServer> metrics;  // nullptr if none is configured
  std::vector<service::Listener> created;           // whose files the server removes at its end
  std::string shown;  // the addresses for mail servers, each with a blank before it
};

// The user of serve.user and serve.group; none if they are not set. Fault::config.
Result<std::optional<User>> find_configured_user(const Configuration& configuration);

// The mode, owner and group of unix sockets. Fault::config.
Result<service::SocketAccess> socket_access(const Configuration& configuration,
                                            const std::optional<User>& user);

// The sockets of systemd and of serve.listen. Under systemd those of serve.listen stay open while the service
// restarts: connections wait meanwhile, and the server goes on with the sockets that it gets from systemd; their
// files stay when it stops. Fault::config if there are none.
Result<Sockets> open_sockets(const Configuration& configuration, const std::optional<User>& user);

}  // namespace starttls::listtool::serve
