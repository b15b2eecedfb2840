#include "mtalog/follower.h"

#include <string_view>
#include <utility>

#include "base/text.h"
#include "mtalog/file_follower.h"
#include "mtalog/journal_follower.h"

namespace starttls::mtalog {

Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         FollowerCallbacks callbacks) {
  constexpr std::string_view journal = "journal";
  constexpr std::string_view journal_directory_prefix = "journal:";
  if (source == journal)
    return JournalFollower::start(loop, "", from, std::move(clock), std::move(callbacks));
  if (source.starts_with(journal_directory_prefix)) {
    return JournalFollower::start(loop, source.substr(journal_directory_prefix.size()), from,
                                  std::move(clock), std::move(callbacks));
  }
  if (source.starts_with('/'))
    return FileFollower::start(loop, source, from, std::move(clock), std::move(callbacks));
  return fail(Fault::config, "'{}' is no log that can be followed", printable(source));
}

}  // namespace starttls::mtalog
