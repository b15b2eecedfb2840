// Hands a mail to a mail server of ours.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::mailer {

struct Mail {
  std::string sender;        // of the envelope
  std::string recipient;     // the only one, also in its header
  std::string_view message;  // with CRLF at the ends of its lines; must outlive the call
  std::chrono::milliseconds time_limit = std::chrono::minutes(2);
};

// To "smtp://HOST:PORT", or by a program that is called as sendmail(8) is (config::Settings::mailer()). Fault::data where
// it refuses the mail; else Fault::temporary, such as for a full disk: another try may help.
Result<void> hand_over(const std::string& mailer, const Mail& mail);

}  // namespace starttls::mailer
