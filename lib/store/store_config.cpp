#include "store/store_config.h"

#include <sys/stat.h>

#include <string_view>

#include "base/user.h"
#include "postgres/postgres.h"

namespace starttls::store {
namespace {

// Whether the group may read the file: it is root's group, ours, or that of the service's user.
bool may_read(gid_t group, const config::MilterConfig& milter) {
  if (group == 0 || is_member(group)) return true;
  const auto service = find_user(milter.user.empty() ? config::default_user : milter.user);
  return service && service->gid == group;
}

// The users who can read the password in the file and should not; "" for none.
std::string_view unwanted_readers(const config::FileRights& rights, const config::MilterConfig& milter) {
  if ((rights.mode & S_IROTH) != 0) return "every user of this machine";
  const bool has_strangers = (rights.mode & S_IRGRP) != 0 && !may_read(rights.group, milter);
  return has_strangers ? "its group" : "";
}

}  // namespace

StoreLocation store_location(const config::TlsrptConfig& config) {
  return {.state_dir = config.state_dir, .store_url = config.store};
}

std::vector<std::string> store_warnings(const config::TlsrptConfig& config) {
  std::vector<std::string> warnings;
  if (config.store.empty()) return warnings;
  for (const std::string& warning : postgres::security_warnings(config.store))
    warnings.push_back(fmt::format("'store': {}", warning));
  const auto rights = config.file ? config.file->rights() : std::nullopt;
  if (!rights || !postgres::has_password(config.store)) return warnings;
  const std::string_view readers = unwanted_readers(*rights, config.milter);
  if (!readers.empty()) {
    warnings.push_back(fmt::format(
        "{}: {} can read the database's password in it; set its mode to 0640, with the group of the service",
        config.file->name(), readers));
  }
  return warnings;
}

}  // namespace starttls::store
