#include "service/switch_user.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/user.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;

TEST_CASE("users and groups are found by name") {
  const auto root = good(find_user("root"));
  CHECK(root.uid == 0);
  CHECK(root.gid == 0);
  CHECK(bad(find_user("no such user")).message == "there is no user 'no such user'");
  CHECK(good(find_group("daemon")) == good(find_user("daemon")).gid);
  CHECK(bad(find_group("no such group")).fault == Fault::config);
  CHECK(bad(find_user("")).fault == Fault::config);
}

TEST_CASE("root switches to another user for good") {
  if (::geteuid() != 0) return;
  const auto daemon = good(find_user("daemon"));
  const pid_t child = ::fork();
  if (child == 0) {
    const bool sound = service::switch_user(daemon) && ::geteuid() == daemon.uid &&
                       ::getegid() == daemon.gid && ::setuid(0) != 0 && service::switch_user(daemon) &&
                       !service::switch_user({.name = "root"});
    ::_exit(sound ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
