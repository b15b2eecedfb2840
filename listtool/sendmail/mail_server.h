#pragma once

#include "listtool/mail_server.h"

namespace starttls::listtool::sendmail {

// Sendmail 8.17 and later: FEATURE(`sts'), or the access map.
const MailServer& mail_server();

}  // namespace starttls::listtool::sendmail
