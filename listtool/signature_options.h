// The options of all commands that verify lists: which keys may sign, and where the signatures are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "command/options.h"

namespace starttls::listtool {

struct SignatureOptions {
  std::vector<std::filesystem::path> signatures;  // in the order of the files; none: FILE.minisig
  std::vector<std::string> keys;
  std::vector<std::filesystem::path> key_files;
  bool allow_legacy = false;

  bool has_keys() const { return !keys.empty() || !key_files.empty(); }
};

std::vector<command::Option> declare_signature(command::Options& options, SignatureOptions& values);

// --list, and the options above for these lists. The keys of installed lists are only in the configuration.
void declare_lists(command::Options& options, std::vector<std::filesystem::path>& lists,
                   SignatureOptions& values);

}  // namespace starttls::listtool
