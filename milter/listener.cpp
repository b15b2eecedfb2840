#include "milter/listener.h"

#include <libmilter/mfapi.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "base/user.h"
#include "milter/libmilter_socket.h"
#include "service/kept_sockets.h"
#include "service/sd_notify.h"
#include "service/unix_socket.h"

namespace starttls::milter {
namespace {

constexpr auto kept_name = "milter";  // in systemd's store of descriptors

// The group that may connect: the configured one or, where root starts the daemon, Postfix's.
Result<std::optional<gid_t>> socket_group(const config::TlsrptConfig& config) {
  const std::string& name = config.milter.socket_group;
  if (!name.empty()) return TRY(config::at_key(config, "milter.socket_group", find_group(name)));
  if (::geteuid() != 0) return std::nullopt;
  const auto group = find_group("postfix");
  return group ? std::optional(*group) : std::nullopt;
}

Result<std::optional<uid_t>> socket_owner(const config::TlsrptConfig& config,
                                          const std::optional<User>& user) {
  const std::string& name = config.milter.socket_owner;
  if (!name.empty()) return TRY(config::at_key(config, "milter.socket_owner", find_user(name))).uid;
  return user ? std::optional(user->uid) : std::nullopt;
}

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

Result<service::SocketAccess> socket_access(const config::TlsrptConfig& config,
                                            const std::optional<User>& user) {
  const auto group = TRY(socket_group(config));
  const auto owner = TRY(socket_owner(config, user));
  return service::SocketAccess{.mode = config.milter.socket_mode, .owner = owner, .group = group};
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

Result<void> check_listener(const config::TlsrptConfig& config) {
  TRY(socket_group(config));
  TRY(socket_owner(config, std::nullopt));
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
  const auto access = TRY(socket_access(config, user));
  if (TRY(open_kept(socket, access))) return Listener(socket, true);
  TRY(service::create_unix_socket(socket.path, access, [&] { return open_by_libmilter(socket); }));
  return Listener(socket, service::keep_descriptor(kept_name, libmilters_socket()));
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
