// Exim. See listtool/mail_server.h.
#pragma once

#include "listtool/mail_server.h"

namespace starttls::listtool::exim {

const MailServer& mail_server();

}  // namespace starttls::listtool::exim
