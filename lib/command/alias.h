// A command that an alias of a mail server runs, with a mail on standard input: `tlsrpt-report -q read -`.
//
// Mail servers (local(8) of Postfix, the prog mailer of Sendmail) interpret the exit status. With 0 the mail
// is delivered. With 75 it is tried again. With anything else it is returned to its sender, together with the
// output of the program. Anybody can send mail to the alias, so nothing may be returned that contains facts
// about this host. Therefore the exit status is 0 if the mail was read, even if it was no report and the
// command has rejected it, and 75 in all other cases. Nothing is printed; messages go to syslog (facility mail).
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.h"
#include "command/command.h"

namespace starttls::command {

// Whether it is run as an alias runs it: with -q, without --json, and with standard input as the only input.
bool is_alias(const std::vector<std::filesystem::path>& inputs, bool quiet, bool json);

// Runs the body in a child process, without standard output and standard error, and returns the exit status
// for the mail server. If the body crashes, the mail is tried again, too.
int run_for_alias(const std::function<Result<int>()>& body);

// CommandSyntax::around of such a command.
Result<int> run_around_alias(const std::vector<std::filesystem::path>& inputs, const CommandContext& context,
                             const Body& body);

}  // namespace starttls::command
