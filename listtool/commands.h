// The commands of starttls-listtool. Each is in the file of its name; the table is in main.cpp.
#pragma once

#include "listtool/context.h"

namespace starttls::listtool {

struct MailServer;

Command verify_command();
Command lint_list_command();
Command lint_policy_command();
Command lint_sts_record_command();
Command lint_tlsrpt_record_command();
Command generate_command(const MailServer& server);
Command update_command();
Command lookup_command();
Command sts_fetch_command();
Command sts_refresh_command();
Command sts_cache_command();
Command diff_command();
Command doctor_command();
Command check_command();
Command setup_command();
namespace publish {
Command init_command();
Command add_command();
Command remove_command();
Command hold_command();
Command import_command();
Command run_command();
Command read_command();
Command receive_command();
Command status_command();
Command why_command();
Command keys_init_command();
Command keys_sign_command();
Command keys_rotate_command();
Command keys_revoke_command();
Command rollback_command();
Command lint_command();
}  // namespace publish
namespace serve {
Command serve_command();
}

}  // namespace starttls::listtool
