// starttls-listtool verify: is this file what the holder of a key signed?

#include "minisign/verify.h"

#include <unistd.h>

#include <cerrno>

#include "base/console.h"
#include "base/file.h"
#include "base/text.h"
#include "json/json_text.h"
#include "listtool/options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

Result<minisign::Verified> verdict(const VerifyOptions& options) {
  if (!options.signature.has_keys()) return fail(Fault::usage, "verify needs a public key (-P or -p)");
  if (options.signature.signatures.size() > 1) return fail(Fault::usage, "one file has one signature");
  // Before all else, so that a mistyped name is not taken for a file without a signature.
  if (::access(options.file.c_str(), R_OK) != 0) {
    return fail(errno == EACCES ? Fault::permission : Fault::io, "{}: {}", printable(options.file.string()),
                errno_text(errno));
  }
  const auto keys = read_keys(options.signature);
  if (!keys) return std::unexpected(keys.error());
  const auto signature =
      read_signature(options.signature.signatures.empty() ? default_signature(options.file)
                                                          : options.signature.signatures.front(),
                     "", FileKind::any);
  if (!signature) return std::unexpected(signature.error());
  return minisign::verify_file(
      options.file, *signature, *keys,
      options.signature.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse, FileKind::any);
}

std::string as_json(const VerifyOptions& options, const Result<minisign::Verified>& verified) {
  json::JsonText json;
  json.begin_object();
  json.member("file", options.file.string());
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

}  // namespace

Result<int> verify(const Common& common, const VerifyOptions& options) {
  const auto verified = verdict(options);
  // "Not verified" is an answer; that the question could not be asked is none.
  if (!verified && verified.error().fault != Fault::data) return std::unexpected(verified.error());
  if (common.json) {
    if (const auto printed = print(as_json(options, verified)); !printed) {
      return std::unexpected(printed.error());
    }
  }
  if (!verified) return std::unexpected(verified.error());
  if (!common.json) {
    const auto comment = printable(verified->trusted_comment, minisign::trusted_comment_limit * 8);
    if (const auto printed = print(comment + "\n"); !printed) return std::unexpected(printed.error());
  }
  return 0;
}

}  // namespace starttls::listtool
