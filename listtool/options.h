// The command line of starttls-listtool as plain structs, and its commands.
//
// A command writes its answer to standard output and returns the exit status: 0, or what starttls-listtool(1)
// says; an Error where there is no answer.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "listtool/postfix/map.h"
#include "listtool/sendmail/map.h"
#include "listtool/sendmail/mc.h"

namespace starttls::listtool {

inline constexpr const char* program = "starttls-listtool";

// What holds for every command.
struct Common {
  std::filesystem::path config;     // none where empty
  std::filesystem::path state_dir;  // for the commands that keep lists
  bool json = false;                // the answer for machines
  bool quiet = false;               // no warnings
  bool verbose = false;
  Time now;
};

// Who may sign, and where the signatures are.
struct SignatureOptions {
  std::vector<std::filesystem::path> signatures;  // in the order of the files; none: FILE.minisig
  std::vector<std::string> keys;
  std::vector<std::filesystem::path> key_files;
  bool allow_legacy = false;

  bool has_keys() const { return !keys.empty() || !key_files.empty(); }
};

struct VerifyOptions {
  std::filesystem::path file;
  SignatureOptions signature;
};
Result<int> verify(const Common& common, const VerifyOptions& options);

struct LintListOptions {
  std::filesystem::path file;  // "-" is standard input
};
Result<int> lint_list(const Common& common, const LintListOptions& options);

struct GenerateOptions {
  std::vector<std::filesystem::path> lists;
  SignatureOptions signature;
  postfix::Rules rules;
  std::filesystem::path output;  // standard output where empty
};
Result<int> generate_postfix(const Common& common, const GenerateOptions& options);

struct GenerateSendmailOptions {
  std::vector<std::filesystem::path> lists;
  SignatureOptions signature;
  sendmail::Rules rules;
  sendmail::MapType type = sendmail::MapType::text;
  std::filesystem::path output;  // standard output where empty
};
Result<int> generate_sendmail(const Common& common, const GenerateSendmailOptions& options);

struct LookupOptions {
  std::vector<std::string> domains;
  std::vector<std::filesystem::path> lists;
  SignatureOptions signature;
  postfix::Rules rules;
};
Result<int> lookup(const Common& common, const LookupOptions& options);

// "starttls-listtool: warning: ..." on standard error, unless quiet.
void warn(const Common& common, const std::string& message);

}  // namespace starttls::listtool
