// The lists that are configured, as they are installed: judged by the clock and by the keys that count now.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/sources.h"
#include "listtool/state.h"

namespace starttls::listtool {

struct Context;

struct InstalledList {
  // Unusable if it is not installed, has expired, or was signed with a key that is no longer configured.
  SourceFacts facts;
  std::optional<Edition> edition;          // none where it is not installed
  const ListSettings* settings = nullptr;  // in the configuration; none where that names no lists
};

// The lists in their overlay order: that of the configuration, or, where it names none, that of the set.
std::vector<InstalledList> installed_lists(const Configuration& configuration, const ListSet& set, Time now);

// The operator's overrides, where they are configured. Fault::config where they are faulty.
Result<std::optional<Source>> read_overrides(const Configuration& configuration);

// A list with its signature, verified by what the settings say, wherever it lies, and parsed only then.
// Fault::data where it is no list, not signed by a key that counts, or signed as another file. The file must
// be our own: it is read twice with OpenPGP.
Result<Source> read_signed(const Context& context, const ListSettings& settings, const ListFiles& files);

// The verdict on the signature alone. Fault::data only where it is proven that no key that counts signed the
// list as this one; other faults where that cannot be checked.
Result<void> verify_signed(const Context& context, const ListSettings& settings, const ListFiles& files);

// Whether who signed an edition (Edition::signed_by) may still sign the list.
bool may_sign(const ListSettings& settings, const std::string& signer);

// Fault::unavailable: what to say where there is neither a list nor an override.
Error no_list_installed(const Configuration& configuration);

// The files of an installed list. `scratch` as in ListFiles.
ListFiles installed_files(const ListSet& set, const Edition& edition, const std::filesystem::path& scratch);

// An installed list, verified again; where the configuration names no lists, as the set says. Fault::data
// where its file is not, or no longer, what a key of now signed (verify_signed() says whether that is
// proven); other faults where that cannot be checked.
Result<preload::List> read_installed(const Context& context, const ListSet& set,
                                     const InstalledList& installed, const std::filesystem::path& scratch);

// What the maps are made of: the lists, those that can be used with their content out of `read`, MTA-STS
// policies, which go before them, and the overrides, which win. Fault::unavailable where there is nothing at
// all.
Result<std::vector<Source>> combine_sources(const Context& context, std::vector<InstalledList> lists,
                                            std::map<std::string, preload::List> read,
                                            std::optional<Source> mta_sts);

// The same of the current set, verified again.
Result<std::vector<Source>> installed_sources(const Context& context);

}  // namespace starttls::listtool
