// The command line of starttls-listtool as plain structs, and its commands.
//
// A command writes its answer to standard output and returns the exit status: 0, or what starttls-listtool(1)
// says; an Error where there is no answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/postfix/map.h"

namespace starttls::listtool {

inline constexpr const char* program = "starttls-listtool";
inline constexpr const char* default_configuration = "/etc/starttls-toolkit/listtool.toml";

// What holds for every command.
struct Common {
  std::filesystem::path config;     // as given; see configuration
  std::filesystem::path state_dir;  // as given
  Configuration configuration;      // of the file and the command line
  bool json = false;                // the answer for machines
  bool quiet = false;               // nothing but the answer and what makes the command fail
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

struct LintOptions {
  std::filesystem::path file;  // "-" is standard input
};
Result<int> lint_list(const Common& common, const LintOptions& options);
Result<int> lint_policy(const Common& common, const LintOptions& options);
Result<int> lint_sts_record(const Common& common, const LintOptions& options);
Result<int> lint_tlsrpt_record(const Common& common, const LintOptions& options);

struct GenerateOptions {
  std::vector<std::filesystem::path> lists;  // the installed ones where empty
  SignatureOptions signature;
  OutputSettings map;  // its file: standard output where empty
};
Result<int> generate(const Common& common, const GenerateOptions& options);

struct UpdateOptions {
  std::vector<std::string> lists;  // by name; all where empty
  bool force = false;              // a list may shrink as much as it likes
  unsigned splay_seconds = 0;      // start after a random part of this
};
Result<int> update(const Common& common, const UpdateOptions& options);

struct LookupOptions {
  std::vector<std::string> domains;
  std::vector<std::filesystem::path> lists;  // the installed ones where empty
  SignatureOptions signature;
  postfix::Rules rules;
  bool live = false;  // ask the DNS and policy hosts now, as serve does
};
Result<int> lookup(const Common& common, const LookupOptions& options);

struct StsFetchOptions {
  std::vector<std::string> domains;  // "-": those on standard input, one a line
};
Result<int> sts_fetch(const Common& common, const StsFetchOptions& options);

struct StsRefreshOptions {
  bool all = false;  // also those that are not due
};
Result<int> sts_refresh(const Common& common, const StsRefreshOptions& options);

struct StsCacheOptions {
  std::vector<std::string> domains;  // all where empty
  bool purge = false;                // forget them
  bool all = false;                  // with purge: every one
};
Result<int> sts_cache(const Common& common, const StsCacheOptions& options);

// Runs until TERM or INT.
struct ServeOptions {
  bool check_only = false;  // say whether it could start with this configuration, and exit
};
Result<int> run_serve(const Common& common, const ServeOptions& options);

struct DiffOptions {
  std::filesystem::path before;  // a list, a state directory, or a set in one
  std::filesystem::path after;
  SignatureOptions signature;
};
Result<int> diff(const Common& common, const DiffOptions& options);

// "starttls-listtool: warning: ..." on standard error, unless quiet.
void warn(const Common& common, const std::string& message);

}  // namespace starttls::listtool
