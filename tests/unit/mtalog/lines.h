// Lines of Postfix 3.7 and Sendmail 8.17 for tests.
#pragma once

#include <string>
#include <string_view>

#include "session/failure.h"
#include "support.h"

namespace starttls::test {

inline std::string postfix_line(std::string_view message, int process = 123,
                                std::string_view head = "2026-11-22T12:00:00.000000+00:00 mx ") {
  return fmt::format("{}postfix/smtpd[{}]: {}\n", head, process, message);
}

inline std::string sendmail_line(std::string_view message, int process = 77) {
  return fmt::format("2026-11-22T12:00:00.000000+00:00 mx sm-mta[{}]: {}\n", process, message);
}

// A session of Postfix whose handshake fails, as its lines; the client's address ends in `client`.
inline std::string failed_session(int client, int process = 123) {
  const std::string who = fmt::format("unknown[192.0.2.{}]", client);
  return postfix_line("connect from " + who, process) +
         postfix_line("SSL_accept error from " + who + ": -1", process) +
         postfix_line(
             "warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown "
             "ca:../ssl/record/rec_layer_s3.c:1601:SSL alert number 48:",
             process) +
         postfix_line("lost connection after STARTTLS from " + who, process) +
         postfix_line("disconnect from " + who + " ehlo=1 starttls=0/1 commands=1/2", process);
}

}  // namespace starttls::test
