// What `doctor` says: one check a line, with what mends it.
//
// The commands gather facts (host.h, systemd.h, postfix.h, sendmail.h, connection.h), which never change
// anything, and judge them by pure functions, which make checks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.h"

namespace starttls::doctor {

enum class Level {
  ok,
  warning,      // works, but not as it should, or not for long
  fault,        // does not work
  cannot_tell,  // a right or a program is missing, or nothing happened yet
};
inline constexpr auto level_words = enum_words<Level>({{Level::ok, "ok"},
                                                       {Level::warning, "warning"},
                                                       {Level::fault, "fault"},
                                                       {Level::cannot_tell, "cannot-tell"}});

struct Check {
  std::string code;  // of what was looked at: "milter-socket"; never changes its meaning
  Level level = Level::ok;
  std::string subject;  // "Postfix", "/etc/postfix/tls_policy.cdb"
  std::string seen;     // a sentence without a full stop: what the host says
  std::string why;      // a sentence: what follows from it; empty if it is ok
  std::string remedy;   // the command or the line that mends it; empty if there is none
};
using Checks = std::vector<Check>;

// What a check says that is not ok.
struct Trouble {
  std::string seen;
  std::string why;
  std::string remedy;
};

Check ok(std::string_view code, std::string subject, std::string seen);
Check warning(std::string_view code, std::string subject, Trouble trouble);
Check fault(std::string_view code, std::string subject, Trouble trouble);
// `why` may say how to find out.
Check cannot_tell(std::string_view code, std::string subject, std::string seen, std::string why = {});

// Appends them.
void add(Checks& checks, Checks more);

// One line each, with reason and remedy below what is not ok, and a last line that counts them. `only_trouble`:
// without checks that are ok, and "" if there is no other.
std::string to_text(std::span<const Check> checks, bool only_trouble);
std::string to_json(std::span<const Check> checks);

// 1 if a check is a warning or a fault, else 0: `cannot_tell` is no finding.
int exit_status(std::span<const Check> checks);

}  // namespace starttls::doctor
