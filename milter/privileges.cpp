#include "milter/privileges.h"

#include <unistd.h>

#include <filesystem>

#include "base/directory.h"
#include "base/user.h"
#include "service/ownership.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;

// Only below directories that nobody but root can write to: there is nothing in it that somebody else
// planted. Elsewhere the daemon makes it with its own rights, or waits until it can be made.
Result<void> hand_over(const fs::path& state_dir, const User& identity) {
  const auto directory = Directory::make(state_dir);
  return directory ? service::change_owner_of_all(*directory, identity) : Result<void>();
}

}  // namespace

Result<std::optional<User>> identity_of(const config::TlsrptConfig& configuration) {
  const bool by_default = configuration.user.empty();
  if (by_default && ::geteuid() != 0) return std::nullopt;
  auto identity = find_user(by_default ? config::default_user : configuration.user, "");
  if (identity) return *identity;
  if (by_default) return std::nullopt;
  return std::unexpected(configuration.wrong("milter.user", "is wrong: " + identity.error().message));
}

Result<void> become(const User& identity, const config::TlsrptConfig& configuration) {
  if (::geteuid() == 0 && identity.uid != 0) {
    if (auto handed = hand_over(configuration.state_dir, identity); !handed) return handed;
  }
  return service::become(identity);
}

}  // namespace starttls::milter
