#include "listtool/sources.h"

#include <map>

#include "base/cli.h"
#include "base/file.h"
#include "base/text.h"
#include "listtool/options.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string name_of(const fs::path& file) {
  return file.extension() == ".json" ? file.stem().string() : file.filename().string();
}

void tell_faults(const Common& common, const fs::path& file, const preload::Reading& reading) {
  const std::string shown = printable(file.string());
  if (common.verbose) {
    for (const auto& finding : reading.findings) warn(common, shown + ":" + preload::to_text(finding));
  }
  const auto faults = reading.dropped() + reading.untold;
  if (faults == 0) return;
  warn(common, fmt::format("{}: {} in single entries, which are left out ('starttls-listtool lint list {}' "
                           "shows them)",
                           shown, faults == 1 ? "a fault" : fmt::format("{} faults", faults), shown));
}

Result<Source> read_source(const Common& common, const fs::path& file, const fs::path& signature_file,
                           std::span<const minisign::PublicKey> keys, minisign::Legacy legacy) {
  const auto json = read_file(file, preload::list_size_limit);
  if (!json) return std::unexpected(json.error());
  std::optional<minisign::Verified> verified;
  if (!keys.empty()) {
    // The very bytes that are read below, not the file, which may change meanwhile.
    const auto signature = read_signature(signature_file);
    if (!signature) return std::unexpected(signature.error());
    auto verdict = minisign::verify(file.string(), *json, *signature, keys, legacy);
    if (!verdict) return std::unexpected(verdict.error());
    verified = std::move(*verdict);
  } else if (std::error_code none; fs::exists(signature_file, none)) {
    warn(common, fmt::format("{}: its signature was not checked, for want of a public key (-P or -p)",
                             printable(file.string())));
  }
  auto reading = preload::read_list(file.string(), *json);
  if (!reading.list) return std::unexpected(reading.list.error());
  tell_faults(common, file, reading);
  auto expired = preload::expired_at(*reading.list, common.now);
  if (const auto usable = preload::usable_at(*reading.list, common.now); !usable && !expired) {
    return fail(Fault::data, "{}: {}", printable(file.string()), usable.error().message);
  }
  return Source{.name = name_of(file),
                .path = file.string(),
                .list = std::move(*reading.list),
                .verified = std::move(verified),
                .expired = std::move(expired)};
}

// An answer names its list, and that name must mean one of them.
Result<void> tell_apart(std::span<const fs::path> files) {
  std::map<std::string, fs::path> names;
  for (const fs::path& file : files) {
    const auto [same, is_new] = names.emplace(name_of(file), file);
    if (is_new) continue;
    return fail(Fault::usage, "{} and {} would both be the list '{}': give one of them another name",
                printable(same->second.string()), printable(file.string()), printable(same->first));
  }
  return {};
}

}  // namespace

void warn(const Common& common, const std::string& message) {
  if (!common.quiet) tell(program, "warning: " + message);
}

Result<std::vector<minisign::PublicKey>> read_keys(const SignatureOptions& options) {
  std::vector<minisign::PublicKey> keys;
  for (const std::string& text : options.keys) {
    const auto key = minisign::parse_key(text);
    if (!key) return fail(Fault::usage, "-P '{}': {}", printable(text, 100), key.error().message);
    keys.push_back(*key);
  }
  for (const fs::path& file : options.key_files) {
    const auto content = read_file(file, minisign::key_file_size_limit);
    if (!content) return std::unexpected(content.error());
    const auto key = minisign::parse_key_file(*content);
    if (!key) return fail(Fault::data, "{}: {}", printable(file.string()), key.error().message);
    keys.push_back(*key);
  }
  return keys;
}

Result<minisign::Signature> read_signature(const fs::path& path) {
  const auto content = read_file(path, minisign::signature_size_limit);
  if (!content) {
    return fail(content.error().fault == Fault::permission ? Fault::permission : Fault::data,
                "no signature can be read: {}", content.error().message);
  }
  auto signature = minisign::parse_signature(*content);
  if (!signature) {
    return fail(Fault::data, "{}: no minisign signature: {}", printable(path.string()),
                signature.error().message);
  }
  return signature;
}

fs::path default_signature(const fs::path& file) {
  return file.string() + ".minisig";
}

Result<std::vector<Source>> read_sources(const Common& common, std::span<const fs::path> files,
                                         const SignatureOptions& options) {
  if (!options.signatures.empty() && !options.has_keys()) {
    return fail(Fault::usage, "--signature says nothing without a public key (-P or -p)");
  }
  if (!options.signatures.empty() && options.signatures.size() != files.size()) {
    return fail(Fault::usage, "{} lists but {} signatures: give --signature for each list or for none",
                files.size(), options.signatures.size());
  }
  if (const auto told = tell_apart(files); !told) return std::unexpected(told.error());
  const auto keys = read_keys(options);
  if (!keys) return std::unexpected(keys.error());
  const auto legacy = options.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
  std::vector<Source> sources;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path signature =
        options.signatures.empty() ? default_signature(files[i]) : options.signatures[i];
    auto source = read_source(common, files[i], signature, *keys, legacy);
    if (!source) return std::unexpected(source.error());
    sources.push_back(std::move(*source));
  }
  return sources;
}

int tell_expired(std::span<const Source> sources) {
  int status = 0;
  for (const Source& source : sources) {
    if (!source.expired) continue;
    status = report_error(
        program, {source.expired->fault, fmt::format("{}: {}; no policy is taken from it",
                                                     printable(source.path), source.expired->message)});
  }
  return status;
}

}  // namespace starttls::listtool
