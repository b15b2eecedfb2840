// Called by an alias of a mail server: `tlsrpt-report -q read -`, with a mail on standard input.
//
// Mail servers (local(8) of Postfix, the prog mailer of Sendmail) take the exit status for what became of the
// mail: 0 is delivered, 75 is tried again, and anything else is returned to its sender, together with what
// the program printed. Senders of reports, or of what looks like one, are strangers: they get nothing back,
// and nothing about this host. So the exit status is 0 where the mail was dealt with, also where it was no
// report and was set aside, and 75 for everything else; nothing is printed; messages go to syslog (facility
// mail).
#pragma once

#include <functional>

#include "base/result.h"

namespace starttls::report {

struct ReadOptions;

// Whether these options of `read` are those of an alias: -q, no --json, and standard input as the only input.
bool is_alias(const ReadOptions& options, bool quiet, bool json);

// Runs the body in a child process, without standard output and error, and returns the exit status for the
// mail server. A body that crashes is tried again, too.
int run_for_alias(const std::function<Result<int>()>& body);

}  // namespace starttls::report
