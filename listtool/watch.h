// `starttls-listtool check --watch`, for cron and timers: examines the domains of [check] in listtool.toml(5), prints
// what is worse or better than last time, and keeps what it has found in watch_state().
#pragma once

#include "base/result.h"
#include "listtool/check_output.h"
#include "listtool/context.h"
#include "listtool/examiner.h"

namespace starttls::listtool {

// Prints WatchReport::text(), and returns WatchReport::exit_status(). Fault::temporary while another run has the state.
Result<int> watch(ExaminerSettings settings, CheckStyle style, const Context& context);

}  // namespace starttls::listtool
