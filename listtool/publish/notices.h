// Mail to the owners of domains that have begun to fail.
#pragma once

#include "base/result.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

// Sends what is due, once each, and warns of what could not be sent: it is tried again next time. Without mail_from, owners
// get no mail, and nothing is kept for later. A process that is killed just here may send one mail twice, with the same
// Message-ID. Fault::temporary if some are to be tried again.
Result<void> send_notices(Publisher& publisher);

}  // namespace starttls::listtool::publish
