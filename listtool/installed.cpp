#include "listtool/installed.h"

#include <algorithm>

#include "base/text.h"
#include "http/url.h"
#include "listtool/mta_sts_source.h"
#include "listtool/options.h"
#include "openpgp/verify.h"
#include "policy/overrides.h"

namespace starttls::listtool {
namespace {

std::string name_of(const minisign::KeyId& key) {
  return "key " + minisign::to_text(key);
}

// What is said of a list must not depend on the set that it happens to be in.
InstalledList judged(const Edition& edition, const ListSettings* settings, Time now) {
  InstalledList list{.facts = {.name = edition.name,
                               .path = is_url(edition.origin) ? http::shown(edition.origin) : edition.origin,
                               .timestamp = edition.timestamp,
                               .expires = edition.expires,
                               .signed_by = edition.signed_by},
                     .edition = edition,
                     .settings = settings};
  list.facts.unusable = preload::expired_at(edition.expires, now);
  if (settings != nullptr && !may_sign(*settings, edition.signed_by)) {
    list.facts.unusable = Error{
        Fault::data, fmt::format("it was signed by {}, which is no longer configured", edition.signed_by)};
  }
  return list;
}

InstalledList missing(const ListSettings& settings) {
  return {.facts = {.name = settings.name,
                    .path = settings.url.empty() ? settings.file.string() : settings.url,
                    .unusable = Error{Fault::data, "list " + settings.name + " is not installed"}},
          .edition = std::nullopt,
          .settings = &settings};
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
    const auto legacy = settings.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
    return read_verified(common, settings.name, files, settings.keys, legacy);
  }
  const auto verified = openpgp::verify_file(files.list, files.signature, settings.openpgp_key_file,
                                             files.scratch, common.configuration.programs.gpgv, files.shown);
  if (!verified) return std::unexpected(verified.error());
  auto source = read_unverified(common, settings.name, files);
  if (source) source->facts.signed_by = "OpenPGP key " + verified->fingerprint;
  return source;
}

Error nothing_installed(const Configuration& configuration) {
  return {Fault::unavailable, printable(configuration.state_dir.string()) +
                                  ": no list is installed: see starttls-listtool(1), update"};
}

// Without settings only the update that installed it could verify it.
Result<preload::List> read_installed(const Common& common, const Set& set, const InstalledList& installed) {
  const ListFiles files{.list = set.list_of(*installed.edition),
                        .signature = set.signature_of(*installed.edition),
                        .shown = set.list_of(*installed.edition).string()};
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
    auto content = read_installed(common, *set, list);
    if (!content) return std::unexpected(content.error());
    read.emplace(list.facts.name, std::move(*content));
  }
  auto mta_sts = read_mta_sts_source(common.configuration, common.now);
  if (!mta_sts) return std::unexpected(mta_sts.error());
  return sources_of(common, std::move(lists), std::move(read), std::move(*mta_sts));
}

}  // namespace starttls::listtool
