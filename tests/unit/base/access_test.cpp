#include "base/access.h"

#include <sys/stat.h>

#include "catch.h"

using namespace starttls;

namespace {

Denied state_directory() {
  return {.owner = "starttls-toolkit",
          .group = "starttls-toolkit",
          .mode = S_IFDIR | 0750,
          .is_root = false,
          .user = "anna",
          .is_readable = false,
          .is_a_member = false,
          .program = "tlsrpt-report"};
}

}  // namespace

TEST_CASE("access: a user who may not read is advised to join the group that may") {
  CHECK(access_advice(state_directory()) ==
        "members of group starttls-toolkit may read it: adduser anna starttls-toolkit (as root), then log in "
        "again");
}

TEST_CASE("access: a user who has joined the group is advised to log in again") {
  Denied denied = state_directory();
  denied.is_a_member = true;
  CHECK(access_advice(denied) ==
        "user anna is in group starttls-toolkit, which may read it, from the next login on");
}

TEST_CASE("access: a user who may read and not write is advised to run the program as the owner") {
  Denied denied = state_directory();
  denied.is_readable = true;
  CHECK(access_advice(denied) ==
        "only starttls-toolkit and root may change it: sudo -u starttls-toolkit tlsrpt-report ...");
}

TEST_CASE("access: no user is advised to join root's group, or one that may not read") {
  Denied of_root = state_directory();
  of_root.is_root = true;
  CHECK(access_advice(of_root).empty());
  Denied closed = state_directory();
  closed.mode = S_IFDIR | 0700;
  CHECK(access_advice(closed).empty());
}

TEST_CASE("access: errors of another kind, or about other files, stay as they are") {
  CHECK(with_access_advice({Fault::io, "/etc/shadow: broken"}, "/etc/shadow", "test").message ==
        "/etc/shadow: broken");
  CHECK(with_access_advice({Fault::permission, "/elsewhere: no"}, "/etc/shadow", "test").message ==
        "/elsewhere: no");
}
