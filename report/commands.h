// The commands of tlsrpt-report. Each is in the file of its name; the table is in main.cpp.
#pragma once

#include "report/context.h"

namespace starttls::report {

Command self_command();
Command queue_command();
Command send_command();
Command read_command();
Command receive_command();
Command summary_command();
Command html_command();
Command advise_command();
Command reconcile_command();
Command alert_command();
Command metrics_command();
Command export_command();
Command downgrades_command();
Command forget_command();
Command doctor_command();

}  // namespace starttls::report
