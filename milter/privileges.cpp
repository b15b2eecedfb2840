#include "milter/privileges.h"

#include <unistd.h>

#include <filesystem>

#include "base/directory.h"
#include "service/hand_over.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;

// Only below directories that nobody but root can write to: there is nothing in it that somebody else
// planted. Elsewhere the daemon makes it with its own rights, or waits until it can be made.
Result<void> hand_over(const fs::path& state_dir, const service::Identity& identity) {
  const auto directory = Directory::make(state_dir);
  return directory ? service::give_all(*directory, identity) : Result<void>();
}

}  // namespace

Result<std::optional<service::Identity>> identity_of(const Configuration& configuration) {
  const bool by_default = configuration.user.empty();
  if (by_default && ::geteuid() != 0) return std::nullopt;
  auto identity = service::find_identity(by_default ? default_user : configuration.user, "");
  if (identity) return *identity;
  if (by_default) return std::nullopt;
  return std::unexpected(configuration.wrong("milter.user", "is wrong: " + identity.error().message));
}

Result<void> become(const service::Identity& identity, const Configuration& configuration) {
  if (::geteuid() == 0 && identity.uid != 0) {
    if (auto handed = hand_over(configuration.state_dir, identity); !handed) return handed;
  }
  return service::become(identity);
}

}  // namespace starttls::milter
