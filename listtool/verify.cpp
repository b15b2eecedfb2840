// starttls-listtool verify: checks whether a file has a valid signature of a given key.

#include "minisign/verify.h"

#include <unistd.h>

#include <cerrno>

#include "base/console.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/commands.h"
#include "listtool/signature_options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

struct Values {
  std::filesystem::path file;
  SignatureOptions signature;
};

void declare(Options& options, Values& values) {
  options.argument("FILE", values.file, "Signed file").required().check(command::names_file);
  declare_signature(options, values.signature);
}

Result<minisign::Verified> verify(const Values& values) {
  if (!values.signature.has_keys()) return fail(Fault::usage, "verify needs a public key (-P or -p)");
  if (values.signature.signatures.size() > 1) return fail(Fault::usage, "one file has one signature");
  // Checked first, so that a mistyped name is not reported as a file without a signature.
  if (::access(values.file.c_str(), R_OK) != 0) {
    return fail(errno == EACCES ? Fault::permission : Fault::io, "{}: {}", printable(values.file.string()),
                errno_text(errno));
  }
  const auto keys = TRY(read_keys(values.signature));
  const auto signature =
      TRY(read_signature(values.signature.signatures.empty() ? default_signature(values.file)
                                                             : values.signature.signatures.front(),
                         "", FileKind::any));
  return minisign::verify_file(
      values.file, signature, keys,
      values.signature.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse, FileKind::any);
}

std::string to_json(const Values& values, const Result<minisign::Verified>& verified) {
  json::JsonText json;
  json.begin_object();
  json.member("file", values.file.string());
  json.member("verified", verified.has_value());
  if (verified) {
    json.member("key", minisign::to_string(verified->key_id));
    json.member("legacy", verified->algorithm == minisign::Algorithm::legacy);
    json.member("trusted_comment", verified->trusted_comment);
  } else {
    json.member("reason", verified.error().message);
  }
  json.end_object();
  return json.take();
}

Result<int> run(const Values& values, const Context& context) {
  const auto verified = verify(values);
  // "Not verified" is a result. If the check itself failed, that is an error.
  if (!verified && verified.error().fault != Fault::data) return std::unexpected(verified.error());
  if (context.json) TRY(print(to_json(values, verified)));
  if (!verified) return std::unexpected(verified.error());
  if (!context.json) {
    const auto comment = printable(verified->trusted_comment, minisign::trusted_comment_limit * 8);
    TRY(print(comment + "\n"));
  }
  return 0;
}

}  // namespace

Command verify_command() {
  return make_command({.name = "verify",
                       .summary = "Check the minisign signature of a file",
                       .example = "starttls-listtool verify list.json -p list.pub"},
                      declare, run, [](const Values&) { return command::DefaultConfig::ignored; });
}

}  // namespace starttls::listtool
