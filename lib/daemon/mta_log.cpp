#include "daemon/mta_log.h"

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "mtalog/follower.h"
#include "service/switch_user.h"

namespace starttls::daemon {

Result<void> check_mta_log(const Table& table, const std::optional<User>& user, std::string_view missing) {
  if (table.daemon.mta_log.empty()) return {};
  // Check as the daemon's user, which reads the log: root could read everything.
  const bool switches = user && ::geteuid() == 0;
  if (switches) TRY(service::switch_user(*user));
  // A missing log does not prevent the start: the daemon waits for it and does the rest of its work meanwhile.
  if (const auto readable = mtalog::check_readable(table.daemon.mta_log); !readable) {
    log_warning("'{}.mta_log': {}{}; {} would be missing", table.name, readable.error().message,
                switches ? fmt::format(" (user '{}')", printable(user->name)) : "", missing);
  }
  return {};
}

}  // namespace starttls::daemon
