#include "listtool/installed_lists.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "listtool/mta_sts_source.h"
#include "listtool/options.h"
#include "minisign/verified_file.h"
#include "openpgp/verify.h"
#include "policy/overrides.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string name_of(const minisign::KeyId& key) {
  return "key " + minisign::to_string(key);
}

// What is said of a list must not depend on the set that it happens to be in.
InstalledList judged(const Edition& edition, const ListSettings* settings, Time now) {
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
                    .path = shown_place(place_of(settings)),
                    .unusable = Error{Fault::data, "list " + settings.name + " is not installed"}},
          .edition = std::nullopt,
          .settings = &settings};
}

minisign::Legacy legacy_of(const ListSettings& settings) {
  return settings.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
}

// One key may sign several lists; then only the trusted comment tells which one this is.
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

Result<openpgp::Verified> verify_openpgp(const Common& common, const ListSettings& settings,
                                         const ListFiles& files) {
  return openpgp::verify_file(files.list, files.signature, settings.openpgp_key_file, files.scratch,
                              common.configuration.programs.gpgv, files.shown);
}

// Not a directory that others can fill up, where we may write to our own.
fs::path scratch_of(const Configuration& configuration) {
  const bool writable = ::access(configuration.state_dir.c_str(), W_OK | X_OK) == 0;
  return writable ? configuration.state_dir : fs::path();
}

}  // namespace

std::vector<InstalledList> installed_lists(const Configuration& configuration, const Set& set, Time now) {
  std::vector<InstalledList> lists;
  if (configuration.lists.empty()) {
    for (const Edition& edition : set.lists) lists.push_back(judged(edition, nullptr, now));
  }
  for (const ListSettings& settings : configuration.lists) {
    const Edition* const edition = set.find(settings.name);
    lists.push_back(edition == nullptr ? missing(settings) : judged(*edition, &settings, now));
  }
  return lists;
}

Result<std::optional<Source>> read_overrides_source(const Configuration& configuration) {
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

// Of OpenPGP keys gpgv knows, when the list is read.
bool may_sign(const ListSettings& settings, const std::string& signer) {
  if (!settings.openpgp_key_file.empty()) return signer.starts_with("OpenPGP ");
  return std::ranges::any_of(settings.keys, [&](const auto& key) { return name_of(key.id) == signer; });
}

Result<Source> read_signed(const Common& common, const ListSettings& settings, const ListFiles& files) {
  if (settings.openpgp_key_file.empty()) {
    return read_verified(common, settings.name, files, settings.keys, legacy_of(settings),
                         [&](const minisign::Verified& verified) {
                           return signed_as_this(settings, files.shown, verified.trusted_comment);
                         });
  }
  const auto verified = verify_openpgp(common, settings, files);
  if (!verified) return std::unexpected(verified.error());
  const auto digest = minisign::blake2b_of_file(files.list);
  if (!digest) return std::unexpected(digest.error());
  auto source = read_unverified(common, settings.name, files);
  if (!source) return source;
  source->facts.signed_by = "OpenPGP key " + verified->fingerprint;
  source->facts.digest = minisign::to_hex(*digest);
  return source;
}

Result<void> verify_signed(const Common& common, const ListSettings& settings, const ListFiles& files) {
  if (!settings.openpgp_key_file.empty()) {
    const auto verified = verify_openpgp(common, settings, files);
    return verified ? Result<void>{} : std::unexpected(verified.error());
  }
  // Without its signature nothing is proven of a list.
  const auto signature = read_signature(files.signature, files.shown_signature);
  if (!signature) {
    const Error& error = signature.error();
    return fail(error.fault == Fault::data ? Fault::io : error.fault, "{}", error.message);
  }
  const auto file = minisign::VerifiedFile::open(files.list, files.shown, *signature, settings.keys,
                                                 legacy_of(settings), preload::list_size_limit);
  if (!file) return std::unexpected(file.error());
  return signed_as_this(settings, files.shown, file->verified().trusted_comment);
}

Error nothing_installed(const Configuration& configuration) {
  return {Fault::unavailable, printable(configuration.state_dir.string()) +
                                  ": no list is installed: see starttls-listtool(1), update"};
}

ListFiles installed_files(const Set& set, const Edition& edition, const fs::path& scratch) {
  return {.list = set.list_of(edition),
          .signature = set.signature_of(edition),
          .shown = set.list_of(edition).string(),
          .shown_signature = {},
          .scratch = scratch};
}

// Without settings only the update that installed it could verify it.
Result<preload::List> read_installed(const Common& common, const Set& set, const InstalledList& installed,
                                     const fs::path& scratch) {
  const ListFiles files = installed_files(set, *installed.edition, scratch);
  auto source = installed.settings == nullptr ? read_unverified(common, installed.facts.name, files)
                                              : read_signed(common, *installed.settings, files);
  if (!source) return std::unexpected(source.error());
  return std::move(source->list);
}

Result<std::vector<Source>> sources_of(const Common& common, std::vector<InstalledList> lists,
                                       std::map<std::string, preload::List> read,
                                       std::optional<Source> mta_sts) {
  std::vector<Source> sources;
  for (InstalledList& list : lists) {
    Source source{.facts = std::move(list.facts), .list = {}};
    if (!source.facts.unusable) source.list = std::move(read.at(source.facts.name));
    sources.push_back(std::move(source));
  }
  if (mta_sts) sources.push_back(std::move(*mta_sts));
  auto overrides = read_overrides_source(common.configuration);
  if (!overrides) return std::unexpected(overrides.error());
  if (*overrides) sources.push_back(std::move(**overrides));
  if (sources.empty()) return std::unexpected(nothing_installed(common.configuration));
  return sources;
}

Result<std::vector<Source>> installed_sources(const Common& common) {
  const auto set = current_set(common.configuration.state_dir);
  if (!set) return std::unexpected(set.error());
  auto lists = installed_lists(common.configuration, *set, common.now);
  std::map<std::string, preload::List> read;
  for (const InstalledList& list : lists) {
    if (list.facts.unusable) continue;
    auto content = read_installed(common, *set, list, scratch_of(common.configuration));
    if (!content) return std::unexpected(content.error());
    read.emplace(list.facts.name, std::move(*content));
  }
  auto mta_sts = read_mta_sts_source(common.configuration, common.now);
  if (!mta_sts) return std::unexpected(mta_sts.error());
  return sources_of(common, std::move(lists), std::move(read), std::move(*mta_sts));
}

}  // namespace starttls::listtool
