#pragma once

#include "listtool/mail_server.h"

namespace starttls::listtool::postfix {

// Postfix 3.4 and later: smtp_tls_policy_maps.
const MailServer& mail_server();

}  // namespace starttls::listtool::postfix
