// The configured lists, as they are installed, checked against the clock and the configured keys.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/signers.h"
#include "listtool/sources.h"
#include "listtool/state.h"

namespace starttls::listtool {

struct Context;

struct InstalledList {
  // Unusable if it is not installed, has expired, or was signed with a key that is no longer configured, or that
  // keys.json no longer names.
  SourceFacts facts;
  std::optional<Edition> edition;          // none if it is not installed
  const ListSettings* settings = nullptr;  // none if the configuration names no lists
};

// The lists in their overlay order: that of the configuration or, if it names no lists, that of the set.
std::vector<InstalledList> installed_lists(const Configuration& configuration, const ListSet& set, Time now);

// The operator's overrides, if they are configured. Fault::config if they have errors.
Result<std::optional<Source>> read_overrides(const Configuration& configuration);

// Verifies a list with its signatures as its settings demand, in any directory, and parses it only then.
// Fault::data if it is no list, not signed by enough of the signers, or signed as another file or list. Other users
// must not be able to write the file: with OpenPGP it is read twice. The signers do not matter with OpenPGP.
Result<Source> read_signed(const Context& context, const ListSettings& settings, const Signers& signers,
                           const ListFiles& files);

// Checks only the signatures. Fault::data only if it is proven that too few of the signers signed the list as this
// one; other faults if this cannot be checked.
Result<void> verify_signed(const Context& context, const ListSettings& settings, const Signers& signers,
                           const ListFiles& files);

// Whether those who signed an edition (Edition::signed_by) are still enough of the signers. With OpenPGP whether it was
// signed with OpenPGP.
bool may_sign(const ListSettings& settings, const Signers& signers, const std::string& signed_by);

// Fault::unavailable: the error if there is neither a list nor an override.
Error no_list_installed(const Configuration& configuration);

// The files of an installed list. `scratch` as in ListFiles.
ListFiles installed_files(const ListSet& set, const Edition& edition, const std::filesystem::path& scratch);

// Reads an installed list and verifies it again. If the configuration names no lists, it cannot be verified,
// and the set has the facts about its signature. Fault::data if no configured key signed the file
// (verify_signed() shows whether that is proven); other faults if this cannot be checked.
Result<preload::List> read_installed(const Context& context, const ListSet& set,
                                     const InstalledList& installed, const std::filesystem::path& scratch);

// The sources of the maps: the lists (usable ones with their content from `read`), the MTA-STS policies,
// which take precedence over the lists, and the overrides, which take precedence over all. Fault::unavailable
// if there are none.
Result<std::vector<Source>> combine_sources(const Context& context, std::vector<InstalledList> lists,
                                            std::map<std::string, preload::List> read,
                                            std::optional<Source> mta_sts);

// Does the same for the current set, verified again.
Result<std::vector<Source>> installed_sources(const Context& context);

}  // namespace starttls::listtool
