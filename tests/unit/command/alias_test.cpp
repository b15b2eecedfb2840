#include "command/alias.h"

#include <csignal>
#include <stdexcept>

#include "base/log.h"
#include "support.h"

using namespace starttls;
using namespace starttls::command;

TEST_CASE("an alias reads standard input quietly, and nothing else") {
  CHECK(is_alias({"-"}, true, false));
  CHECK_FALSE(is_alias({"-"}, false, false));
  CHECK_FALSE(is_alias({"-"}, true, true));
  CHECK_FALSE(is_alias({"-", "file"}, true, false));
  CHECK_FALSE(is_alias({"file"}, true, false));
  CHECK_FALSE(is_alias({}, true, false));
}

TEST_CASE("the mail server gets only the statuses delivered and try again, whatever happens") {
  start_log("unit_report", LogTarget::standard_error);  // the child's, which is discarded
  CHECK(run_for_alias([] { return Result<int>(0); }) == 0);
  // Rejected, and stored as rejected.
  CHECK(run_for_alias([] { return Result<int>(static_cast<int>(Fault::data)); }) == 0);
  for (const Fault fault : {Fault::data, Fault::usage, Fault::config, Fault::unavailable, Fault::permission,
                            Fault::io, Fault::temporary, Fault::internal}) {
    CHECK(run_for_alias([&] { return Result<int>(fail(fault, "no")); }) == 75);
  }
  CHECK(run_for_alias([]() -> Result<int> { throw std::runtime_error("no"); }) == 75);
  CHECK(run_for_alias([]() -> Result<int> { throw 1; }) == 75);
  for (const int signal : {SIGABRT, SIGSEGV, SIGKILL, SIGXCPU}) {
    CHECK(run_for_alias([&]() -> Result<int> {
            std::signal(signal, SIG_DFL);  // not the test's own handling
            ::raise(signal);
            return 0;
          }) == 75);
  }
}
