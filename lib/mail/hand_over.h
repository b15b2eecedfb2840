// Hands a mail to the mail server of this host.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace starttls::mail {

// By a program that is called as sendmail(8) is, to the recipients in its header. `message` has CRLF line ends. Most of
// its failures are temporary, such as a full disk (sysexits.h): Fault::data only where it refuses the mail.
Result<void> hand_to_program(const std::string& sendmail, const std::string& sender,
                             const std::string& message, std::chrono::milliseconds time_limit);

}  // namespace starttls::mail
