#include "milter/listener.h"

#include <libmilter/mfapi.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "base/user.h"
#include "daemon/user.h"
#include "milter/libmilter_socket.h"
#include "service/kept_sockets.h"
#include "service/sd_notify.h"
#include "service/unix_socket.h"

namespace starttls::milter {
namespace {

constexpr auto kept_name = "milter";  // in systemd's store of descriptors

// libmilter itself does not report what went wrong.
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

// Opens the socket of the process before us, which systemd has kept. False where a new one is needed.
Result<bool> open_kept(const config::Address& address, const service::SocketAccess& access) {
  auto passed = TRY(service::take_passed_sockets(kept_name, {&address, 1}, access));
  UniqueFd& socket = passed.kept.front();
  if (!socket) return false;
  give_to_libmilter(std::move(socket));
  TRY(open_by_libmilter(address));
  return true;
}

}  // namespace

daemon::Table daemon_table(const config::TlsrptConfig& config) {
  return {.config = config, .daemon = config.milter, .name = "milter"};
}

Result<void> check_listener(const config::TlsrptConfig& config) {
  TRY(daemon::socket_access(daemon_table(config), std::nullopt));
  return {};
}

Result<Listener> Listener::open(const config::TlsrptConfig& config, const std::optional<User>& user) {
  const config::Address& socket = config.milter.socket;
  auto text = TRY(config::to_libmilter_string(socket));
  if (smfi_setconn(text.data()) != MI_SUCCESS) {
    return fail(Fault::unavailable, "libmilter does not accept the socket '{}'", printable(text));
  }
  if (!socket.is_unix()) {
    TRY(open_by_libmilter(socket));
    return Listener(socket, false);
  }
  const auto access = TRY(daemon::socket_access(daemon_table(config), user));
  if (TRY(open_kept(socket, access))) return Listener(socket, true);
  TRY(service::create_unix_socket(socket.path, access, [&] { return open_by_libmilter(socket); }));
  return Listener(socket, service::keep_descriptor(kept_name, libmilters_socket()));
}

// Not in the header: g++ 12 would warn of uninitialized memory in a Result<Listener>.
Listener::Listener(Listener&& other) noexcept
    : address_(std::exchange(other.address_, std::nullopt)), is_kept_(other.is_kept_) {}
Listener::~Listener() {
  close();
}

void Listener::close() {
  const auto address = std::exchange(address_, std::nullopt);
  if (!address) return;
  if (is_kept_) {
    stop_accepting();
  } else if (address->is_unix()) {
    service::remove_unix_socket(address->path);
  }
}

}  // namespace starttls::milter
