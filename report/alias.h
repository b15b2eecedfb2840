// Called by an alias of a mail server: `tlsrpt-report -q read -`, with a mail on standard input.
//
// Mail servers (local(8) of Postfix, the prog mailer of Sendmail) interpret the exit status: 0 means
// delivered, 75 is tried again, and for anything else the mail is returned to its sender, together with what
// the program printed. Anybody can send mail to the alias, so nothing may be returned that says something
// about this host. Therefore the exit status is 0 where the mail was read, also where it was no report and
// was saved as rejected, and 75 for everything else; nothing is printed; messages go to syslog (facility
// mail).
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.h"

namespace starttls::report {

// Whether `read` is called as by an alias: -q, no --json, and standard input as the only input.
bool is_alias(const std::vector<std::filesystem::path>& inputs, bool quiet, bool json);

// Runs the body in a child process, without standard output and error, and returns the exit status for the
// mail server. A body that crashes is tried again, too.
int run_for_alias(const std::function<Result<int>()>& body);

}  // namespace starttls::report
