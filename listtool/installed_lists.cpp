#include "listtool/installed_lists.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"
#include "listtool/mta_sts_source.h"
#include "minisign/verified_file.h"
#include "openpgp/verify.h"
#include "policy/overrides.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string key_name(const minisign::KeyId& key) {
  return "key " + minisign::to_string(key);
}

// Facts about a list must not depend on the set that contains it.
InstalledList check_list(const Edition& edition, const ListSettings* settings, Time now) {
  InstalledList list{.facts = {.name = edition.name,
                               .path = edition.origin,
                               .timestamp = edition.timestamp,
                               .expires = edition.expires,
                               .signed_by = edition.signed_by},
                     .edition = edition,
                     .settings = settings};
  list.facts.unusable = preload::check_expired(edition.expires, now);
  if (settings != nullptr && !may_sign(*settings, edition.signed_by)) {
    list.facts.unusable = Error{
        Fault::data, fmt::format("it was signed by {}, which is no longer configured", edition.signed_by)};
  }
  return list;
}

InstalledList missing(const ListSettings& settings) {
  return {.facts = {.name = settings.name,
                    .path = shown_origin(origin(settings)),
                    .unusable = Error{Fault::data, "list " + settings.name + " is not installed"}},
          .edition = std::nullopt,
          .settings = &settings};
}

minisign::Legacy legacy_mode(const ListSettings& settings) {
  return settings.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
}

// One key may sign several lists. Then only the trusted comment shows which list this is.
Result<void> signed_as_this(const ListSettings& settings, const std::string& shown,
                            const std::string& trusted_comment) {
  const auto name = minisign::signed_file_name(trusted_comment);
  if (!name) return fail(Fault::data, "{}: {}", printable(shown), name.error().message);
  if (!*name && settings.require_signed_file) {
    return fail(
        Fault::data,
        "{}: its signature does not say which file it is for (no 'file:' in the trusted comment), which "
        "'require_signed_file' demands",
        printable(shown));
  }
  if (!*name || signed_as(settings, **name)) return {};
  return fail(
      Fault::data,
      "{}: it was signed as the file '{}', so it is another list or has another name there; if it is the "
      "right one, set 'signed_file'",
      printable(shown), printable(**name, 200));
}

Result<openpgp::Verified> verify_openpgp(const Context& context, const ListSettings& settings,
                                         const ListFiles& files) {
  return openpgp::verify_file(files.list, files.signature, settings.openpgp_key_file, files.scratch,
                              context.configuration.programs.gpgv, files.shown);
}

// Our own directory is preferred, since other users cannot fill it.
fs::path scratch_directory(const Configuration& configuration) {
  const bool writable = ::access(configuration.state_dir.c_str(), W_OK | X_OK) == 0;
  return writable ? configuration.state_dir : fs::path();
}

}  // namespace

std::vector<InstalledList> installed_lists(const Configuration& configuration, const ListSet& set, Time now) {
  std::vector<InstalledList> lists;
  if (configuration.lists.empty()) {
    for (const Edition& edition : set.lists) lists.push_back(check_list(edition, nullptr, now));
  }
  for (const ListSettings& settings : configuration.lists) {
    const Edition* const edition = set.find(settings.name);
    lists.push_back(edition == nullptr ? missing(settings) : check_list(*edition, &settings, now));
  }
  return lists;
}

Result<std::optional<Source>> read_overrides(const Configuration& configuration) {
  if (configuration.overrides.empty()) return std::nullopt;
  auto reading = policy::load_overrides(configuration.overrides);
  if (!reading.list) return std::unexpected(reading.list.error());
  return Source{.facts = {.kind = SourceFacts::Kind::overrides,
                          .name = "override",
                          .path = configuration.overrides.string(),
                          .timestamp = reading.list->timestamp,
                          .expires = reading.list->expires},
                .list = std::move(*reading.list)};
}

// Only gpgv can check OpenPGP keys, when the list is read.
bool may_sign(const ListSettings& settings, const std::string& signer) {
  if (!settings.openpgp_key_file.empty()) return signer.starts_with("OpenPGP ");
  return std::ranges::any_of(settings.keys, [&](const auto& key) { return key_name(key.id) == signer; });
}

Result<Source> read_signed(const Context& context, const ListSettings& settings, const ListFiles& files) {
  if (settings.openpgp_key_file.empty()) {
    return read_verified(context, settings.name, files, settings.keys, legacy_mode(settings),
                         [&](const minisign::Verified& verified) {
                           return signed_as_this(settings, files.shown, verified.trusted_comment);
                         });
  }
  const auto verified = TRY(verify_openpgp(context, settings, files));
  const auto digest = TRY(minisign::blake2b_of_file(files.list));
  auto source = TRY(read_unverified(context, settings.name, files));
  source.facts.signed_by = "OpenPGP key " + verified.fingerprint;
  source.facts.digest = minisign::to_hex(digest);
  return source;
}

Result<void> verify_signed(const Context& context, const ListSettings& settings, const ListFiles& files) {
  if (!settings.openpgp_key_file.empty()) {
    const auto verified = verify_openpgp(context, settings, files);
    return verified ? Result<void>{} : std::unexpected(verified.error());
  }
  // Without its signature nothing about a list is proven.
  const auto signature = read_signature(files.signature, files.shown_signature);
  if (!signature) {
    const Error& error = signature.error();
    return fail(error.fault == Fault::data ? Fault::io : error.fault, "{}", error.message);
  }
  const auto file = TRY(minisign::VerifiedFile::open(files.list, files.shown, *signature, settings.keys,
                                                     legacy_mode(settings), preload::list_size_limit));
  return signed_as_this(settings, files.shown, file.verified().trusted_comment);
}

Error no_list_installed(const Configuration& configuration) {
  return {Fault::unavailable, printable(configuration.state_dir.string()) +
                                  ": no list is installed; run 'starttls-listtool update'"};
}

ListFiles installed_files(const ListSet& set, const Edition& edition, const fs::path& scratch) {
  return {.list = set.list_file(edition),
          .signature = set.signature_file(edition),
          .shown = set.list_file(edition).string(),
          .shown_signature = {},
          .scratch = scratch};
}

// Without settings the list cannot be verified here: the update that installed it has verified it.
Result<preload::List> read_installed(const Context& context, const ListSet& set,
                                     const InstalledList& installed, const fs::path& scratch) {
  const ListFiles files = installed_files(set, *installed.edition, scratch);
  auto source = TRY(installed.settings == nullptr ? read_unverified(context, installed.facts.name, files)
                                                  : read_signed(context, *installed.settings, files));
  return std::move(source.list);
}

Result<std::vector<Source>> combine_sources(const Context& context, std::vector<InstalledList> lists,
                                            std::map<std::string, preload::List> read,
                                            std::optional<Source> mta_sts) {
  std::vector<Source> sources;
  for (InstalledList& list : lists) {
    Source source{.facts = std::move(list.facts), .list = {}};
    if (!source.facts.unusable) source.list = std::move(read.at(source.facts.name));
    sources.push_back(std::move(source));
  }
  if (mta_sts) sources.push_back(std::move(*mta_sts));
  auto overrides = TRY(read_overrides(context.configuration));
  if (overrides) sources.push_back(std::move(*overrides));
  if (sources.empty()) return std::unexpected(no_list_installed(context.configuration));
  return sources;
}

Result<std::vector<Source>> installed_sources(const Context& context) {
  const auto set = TRY(current_set(context.configuration.state_dir));
  auto lists = installed_lists(context.configuration, set, context.now);
  std::map<std::string, preload::List> read;
  for (const InstalledList& list : lists) {
    if (list.facts.unusable) continue;
    auto content = TRY(read_installed(context, set, list, scratch_directory(context.configuration)));
    read.emplace(list.facts.name, std::move(content));
  }
  auto mta_sts = TRY(read_mta_sts_source(context.configuration, context.now));
  return combine_sources(context, std::move(lists), std::move(read), std::move(mta_sts));
}

}  // namespace starttls::listtool
