// Messages for systemd's journal. The journal reads the priority of a line from a prefix (sd-daemon(3)) and
// adds time, name and process id itself.
#pragma once

#include <string>
#include <string_view>

namespace starttls {

// syslog(3)
enum class Priority { error = 3, warning = 4, info = 6, debug = 7 };

// Whether the descriptor is the stream to the journal that systemd gave this process: its device and inode
// are those in $JOURNAL_STREAM (systemd.exec(5)).
bool is_journal(int descriptor);

// Each line of the text as "<PRIORITY>LINE" and a newline. Empty lines are left out, as the journal drops
// them.
std::string with_priority(Priority priority, std::string_view text);

}  // namespace starttls
