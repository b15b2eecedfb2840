// The arguments of every command of starttls-listtool.
//
// A command writes its answer to standard output and returns the exit status: 0, or a status in
// starttls-listtool(1). It returns an Error if there is no answer.
#pragma once

#include "command/command.h"
#include "listtool/configuration.h"

namespace starttls::listtool {

inline constexpr const char* program = "starttls-listtool";
inline constexpr const char* default_configuration = "/etc/starttls-toolkit/listtool.toml";

struct Context : command::CommandContext {
  Configuration configuration;  // of the file and of --state-dir
};

using Command = command::Command<Context>;
using command::make_command;
using command::Option;
using command::Options;

}  // namespace starttls::listtool
