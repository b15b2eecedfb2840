// Messages for systemd's journal: it takes the priority of a line from a prefix (sd-daemon(3)), and adds
// time, name and process id by itself.
#pragma once

#include <string>
#include <string_view>

namespace starttls {

// syslog(3)
enum class Priority { error = 3, warning = 4, info = 6, debug = 7 };

// Whether the descriptor is the stream to the journal that systemd gave this process: its device and inode
// are those in $JOURNAL_STREAM (systemd.exec(5)).
bool is_journal(int descriptor);

// Each line of the text as "<PRIORITY>LINE" and a newline. The journal has no empty lines, so they are left
// out.
std::string with_priority(Priority priority, std::string_view text);

}  // namespace starttls
