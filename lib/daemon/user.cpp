#include "daemon/user.h"

#include <unistd.h>

#include "base/directory.h"
#include "base/try.h"
#include "service/ownership.h"
#include "service/switch_user.h"

namespace starttls::daemon {
namespace {

// Changes the owner only if nobody but root can write to the directories above: then nobody else can have
// created anything in it. Otherwise the daemon creates the directory with its own rights, or waits until it
// can be created.
Result<void> change_owner(const std::filesystem::path& state_dir, const User& user) {
  const auto directory = Directory::make(state_dir);
  return directory ? service::change_owner_of_all(*directory, user) : Result<void>();
}

Result<std::optional<gid_t>> socket_group(const Table& table) {
  const std::string& name = table.daemon.socket_group;
  if (!name.empty()) return TRY(config::at_key(table.config, table.name + ".socket_group", find_group(name)));
  if (::geteuid() != 0) return std::nullopt;
  const auto group = find_group("postfix");
  return group ? std::optional(*group) : std::nullopt;
}

Result<std::optional<uid_t>> socket_owner(const Table& table, const std::optional<User>& user) {
  const std::string& name = table.daemon.socket_owner;
  if (!name.empty())
    return TRY(config::at_key(table.config, table.name + ".socket_owner", find_user(name))).uid;
  return user ? std::optional(user->uid) : std::nullopt;
}

}  // namespace

Result<std::optional<User>> user_of(const Table& table) {
  const std::string& name = table.daemon.user;
  if (!name.empty()) return TRY(config::at_key(table.config, table.name + ".user", find_user(name)));
  if (::geteuid() != 0) return std::nullopt;
  const auto user = find_user(config::default_user);
  return user ? std::optional(*user) : std::nullopt;
}

Result<service::SocketAccess> socket_access(const Table& table, const std::optional<User>& user) {
  const auto group = TRY(socket_group(table));
  const auto owner = TRY(socket_owner(table, user));
  return service::SocketAccess{.mode = table.daemon.socket_mode, .owner = owner, .group = group};
}

Result<void> switch_user(const User& user, const std::filesystem::path& state_dir) {
  if (::geteuid() == 0 && user.uid != 0) TRY(change_owner(state_dir, user));
  return service::switch_user(user);
}

}  // namespace starttls::daemon
