// Advice for users who lack the rights to a file or directory of a service.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// A file or directory, and the user who was refused.
struct Denied {
  std::string owner;  // names, or numbers where there is no name
  std::string group;
  mode_t mode = 0;       // of stat(2)
  bool is_root = false;  // whether that group is root's, which nobody should join
  std::string user;
  bool is_readable = false;  // by this process; then writing was denied
  bool is_a_member = false;  // whether the user database has the user in that group
  std::string program;       // what the user runs, for the example
};

// One sentence without a full stop: how to get access. "": the mode has no group that could read it.
std::string access_advice(const Denied& denied);

// Returns the same error. Adds the advice if it is Fault::permission and its message begins with that path:
// then it is about the path itself, or about something in that directory. `program` is the name of our
// program.
Error with_access_advice(Error error, const std::filesystem::path& path, std::string_view program);

}  // namespace starttls
