#include "milter/privileges.h"

#include <unistd.h>

#include <filesystem>

#include "base/directory.h"
#include "base/try.h"
#include "base/user.h"
#include "service/ownership.h"
#include "service/switch_user.h"

namespace starttls::milter {
namespace {

// Changes the owner only if nobody but root can write to the directories above: then nobody else can have
// created anything in it. Otherwise the daemon creates the directory with its own rights, or waits until it
// can be created.
Result<void> change_owner(const std::filesystem::path& state_dir, const User& user) {
  const auto directory = Directory::make(state_dir);
  return directory ? service::change_owner_of_all(*directory, user) : Result<void>();
}

}  // namespace

Result<std::optional<User>> service_user(const config::TlsrptConfig& config) {
  const std::string& name = config.milter.user;
  if (!name.empty()) return TRY(config::at_key(config, "milter.user", find_user(name)));
  if (::geteuid() != 0) return std::nullopt;
  const auto user = find_user(config::default_user);
  return user ? std::optional(*user) : std::nullopt;
}

Result<void> switch_user(const User& user, const config::TlsrptConfig& config) {
  if (::geteuid() == 0 && user.uid != 0) TRY(change_owner(config.state_dir, user));
  return service::switch_user(user);
}

}  // namespace starttls::milter
