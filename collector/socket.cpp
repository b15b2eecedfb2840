#include "collector/socket.h"

#include <utility>

#include "base/try.h"
#include "service/kept_sockets.h"
#include "service/listener.h"
#include "service/sd_notify.h"
#include "service/unix_socket.h"

namespace starttls::collector {
namespace {

constexpr auto kept_name = "collector";  // in systemd's store of descriptors

}  // namespace

daemon::Table daemon_table(const config::TlsrptConfig& configuration) {
  return {.config = configuration, .daemon = configuration.collector, .name = "collector"};
}

Result<void> check_address(const config::Address& address) {
  if (address.is_unix()) return {};
  return fail(Fault::usage, "--socket: is no unix socket");
}

Result<Socket> Socket::open(const config::TlsrptConfig& configuration, const std::optional<User>& user) {
  const config::Address& address = configuration.collector.socket;
  const auto access = TRY(daemon::socket_access(daemon_table(configuration), user));
  auto passed =
      TRY(service::take_passed_sockets(kept_name, {&address, 1}, access, service::SocketType::datagram));
  if (passed.of_units.size() > 1)
    return fail(Fault::unavailable, "systemd passes {} sockets; one is needed", passed.of_units.size());
  if (!passed.of_units.empty()) return Socket(std::move(passed.of_units.front()), "");
  if (passed.kept.front()) return Socket(std::move(passed.kept.front()), "");
  auto made = TRY(service::open_datagram_socket(address.path, access));
  const bool is_kept = service::keep_descriptor(kept_name, made.get());
  return Socket(std::move(made), is_kept ? "" : address.path);
}

Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::move(other.descriptor_)), path_(std::exchange(other.path_, {})) {}

Socket::~Socket() {
  if (!path_.empty()) service::remove_unix_socket(path_);
}

}  // namespace starttls::collector
