#include "milter/privileges.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;

constexpr const char* default_user = "starttls-toolkit";

bool is_roots(const fs::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && info.st_uid == 0;
}

Result<void> give(const fs::path& path, const service::Identity& identity) {
  if (::lchown(path.c_str(), identity.uid, identity.gid) == 0) return {};
  return fail(Fault::permission, "{}: cannot give it to user '{}': {}", printable(path.string()),
              printable(identity.user), errno_text(errno));
}

// Only below a folder that nobody but root could write: there is nothing in it that somebody else planted.
Result<void> hand_over(const fs::path& state_dir, const service::Identity& identity) {
  std::error_code error;
  fs::create_directories(state_dir, error);
  if (error) return {};  // the daemon waits until it can be made
  if (!is_roots(state_dir)) return {};
  for (fs::recursive_directory_iterator entry(state_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_roots(entry->path())) continue;
    if (auto given = give(entry->path(), identity); !given) return given;
  }
  if (error) return fail(Fault::io, "{}: {}", printable(state_dir.string()), error.message());
  return give(state_dir, identity);
}

}  // namespace

Result<std::optional<service::Identity>> identity_of(const Configuration& configuration) {
  const bool by_default = configuration.user.empty();
  if (by_default && ::geteuid() != 0) return std::nullopt;
  auto identity = service::find_identity(by_default ? default_user : configuration.user, "");
  if (identity) return *identity;
  if (by_default) return std::nullopt;
  return fail(identity.error().fault, "'milter.user': {}", identity.error().message);
}

Result<void> become(const service::Identity& identity, const Configuration& configuration) {
  if (::geteuid() == 0 && identity.uid != 0) {
    if (auto handed = hand_over(configuration.state_dir, identity); !handed) return handed;
  }
  return service::become(identity);
}

}  // namespace starttls::milter
