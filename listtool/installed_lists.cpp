#include "listtool/installed_lists.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "keyring/edition_mark.h"
#include "listtool/context.h"
#include "listtool/mta_sts_source.h"
#include "openpgp/verify.h"
#include "policy/overrides.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// Why an installed edition may no longer be used: its signers. Nothing if it may.
std::optional<Error> signers_fault(const Edition& edition, const ListSettings& settings) {
  if (!settings.root_keys.empty() && (!edition.keyring || edition.keyring->roots != roots_text(settings)))
    return Error{Fault::data, "it was installed with other root keys than those that are configured"};
  if (may_sign(settings, signers_of_installed(settings, edition), edition.signed_by)) return std::nullopt;
  if (edition.keyring && !settings.root_keys.empty()) {
    return Error{Fault::data,
                 fmt::format("it was signed by {}, which is not enough for version {} of keys.json",
                             edition.signed_by, edition.keyring->keyring.version)};
  }
  return Error{Fault::data, fmt::format("it was signed by {}, which is {}", edition.signed_by,
                                        settings.signatures > 1 ? "not enough" : "no longer configured")};
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
  if (settings == nullptr) return list;
  if (auto fault = signers_fault(edition, *settings)) list.facts.unusable = std::move(fault);
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

// What the trusted comment says about the edition. Only the publisher's name of the list is checked here: the rest depends
// on what is installed.
Result<std::optional<keyring::EditionMark>> read_mark(const ListSettings& settings, const std::string& shown,
                                                      const std::string& trusted_comment) {
  auto mark = TRY(with_context(keyring::parse_edition_mark(trusted_comment), "{}", printable(shown)));
  if (!mark && !settings.root_keys.empty()) {
    return fail(Fault::data,
                "{}: its signature does not say which edition it is, which a list with 'root_keys' must do",
                printable(shown));
  }
  if (mark && !settings.list_name.empty() && mark->list != settings.list_name) {
    return fail(Fault::data,
                "{}: it was signed as the list '{}', not '{}'; if it is the right one, set 'list_name'",
                printable(shown), mark->list, settings.list_name);
  }
  return mark;
}

// The conditions on the trusted comments of all signatures of one list. They must say the same.
class TrustedComments {
 public:
  TrustedComments(const ListSettings& settings, std::string shown)
      : settings_(settings), shown_(std::move(shown)) {}

  Result<void> check(const minisign::Verified& verified) {
    TRY(signed_as_this(settings_, shown_, verified.trusted_comment));
    auto mark = TRY(read_mark(settings_, shown_, verified.trusted_comment));
    // Each is signed at a time of its own.
    if (mark && first_ && *first_) mark->time = (*first_)->time;
    if (first_ && mark != *first_)
      return fail(Fault::data, "{}: its signatures are of different editions", printable(shown_));
    first_ = std::move(mark);
    return {};
  }

  std::optional<keyring::EditionMark> mark() const { return first_.value_or(std::nullopt); }

 private:
  const ListSettings& settings_;
  std::string shown_;
  std::optional<std::optional<keyring::EditionMark>> first_;  // none before the first signature
};

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
bool may_sign(const ListSettings& settings, const Signers& signers, const std::string& signed_by) {
  if (!settings.openpgp_key_file.empty()) return signed_by.starts_with("OpenPGP ");
  return have_signed(signers, signed_by);
}

Result<Source> read_signed(const Context& context, const ListSettings& settings, const Signers& signers,
                           const ListFiles& files) {
  if (settings.openpgp_key_file.empty()) {
    TrustedComments comments(settings, files.shown);
    auto source = TRY(read_verified(context, settings.name, files, signers, legacy_mode(settings),
                                    [&](const auto& verified) { return comments.check(verified); }));
    source.facts.mark = comments.mark();
    return source;
  }
  const auto verified = TRY(verify_openpgp(context, settings, files));
  const auto digest = TRY(minisign::blake2b_of_file(files.list));
  auto source = TRY(read_unverified(context, settings.name, files));
  source.facts.signed_by = "OpenPGP key " + verified.fingerprint;
  source.facts.digest = minisign::to_hex(digest);
  return source;
}

Result<void> verify_signed(const Context& context, const ListSettings& settings, const Signers& signers,
                           const ListFiles& files) {
  if (!settings.openpgp_key_file.empty()) {
    const auto verified = verify_openpgp(context, settings, files);
    return verified ? Result<void>{} : std::unexpected(verified.error());
  }
  // Without its signatures nothing about a list is proven.
  const auto signatures = read_signatures(files);
  if (!signatures) {
    const Error& error = signatures.error();
    return fail(error.fault == Fault::data ? Fault::io : error.fault, "{}", error.message);
  }
  TrustedComments comments(settings, files.shown);
  TRY(open_verified(files, *signatures, signers, legacy_mode(settings),
                    [&](const auto& verified) { return comments.check(verified); }));
  return {};
}

Error no_list_installed(const Configuration& configuration) {
  return {Fault::unavailable, printable(configuration.state_dir.string()) +
                                  ": no list is installed; run 'starttls-listtool update'"};
}

ListFiles installed_files(const ListSet& set, const Edition& edition, const fs::path& scratch) {
  return {.list = set.list_file(edition),
          .signature = set.signature_file(edition),
          .further_signatures = set.further_signature_files(edition),
          .shown = set.list_file(edition).string(),
          .shown_signature = {},
          .scratch = scratch};
}

// Without settings the list cannot be verified here: the update that installed it has verified it.
Result<preload::List> read_installed(const Context& context, const ListSet& set,
                                     const InstalledList& installed, const fs::path& scratch) {
  const ListFiles files = installed_files(set, *installed.edition, scratch);
  if (installed.settings == nullptr) {
    auto source = TRY(read_unverified(context, installed.facts.name, files));
    return std::move(source.list);
  }
  const ListSettings& settings = *installed.settings;
  auto source =
      TRY(read_signed(context, settings, signers_of_installed(settings, *installed.edition), files));
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
