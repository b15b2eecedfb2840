// Standard output and standard error of a program, and the frame of its main().
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// Runs the body of a main() and returns the exit status. Standard input, output and error are open, to
// /dev/null if necessary. Unexpected failures, such as a lack of memory, become Fault::internal instead of an
// exception.
int run_main(std::string_view program, const std::function<Result<int>()>& body);

// Lines on standard error: "PROGRAM: message", "PROGRAM: warning: message"; in systemd's journal with their
// priority instead (journal.h). A standard error that is closed or full is ignored.
void print_info(std::string_view program, std::string_view message);  // what was done: Priority::info
void print_warning(std::string_view program, std::string_view message);
void print_error(std::string_view program, std::string_view message);

// print_error() of the message; returns the exit status.
int report_error(std::string_view program, const Error& error);

// Writes the answer to standard output. Fault::io if it cannot be written completely (a full disk, a closed
// pipe).
Result<void> print(std::string_view answer);

}  // namespace starttls
