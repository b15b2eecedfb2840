// The lists and overrides in which `lookup` searches.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "listtool/list_index.h"
#include "listtool/signature_options.h"
#include "listtool/sources.h"
#include "policy/decision.h"

namespace starttls::listtool {

// A list or the overrides, in a file or installed.
struct LookupList {
  SourceFacts facts;
  std::function<Result<std::optional<IndexedEntry>>(std::string_view domain)> find;
};

struct LookupLists {
  std::vector<LookupList> lists;  // in overlay order
  std::optional<LookupList> overrides;
};

// Lists in files. If one cannot be read, that is the error: see read_sources().
Result<LookupLists> lists_in_files(const Context& context, std::span<const std::filesystem::path> files,
                                   const SignatureOptions& options);
// The installed lists and the overrides.
Result<LookupLists> open_installed_lists(const Context& context);

struct ListMatch {
  std::optional<policy::ListEntry> entry;
  bool verified = false;  // whether the signature of its list was checked
  std::string ignored;    // "; list NAME has it but ...", for each list that has expired or cannot be trusted
};

// Matches only the exact name: the policy of a parent does not apply to its subdomains.
Result<ListMatch> find_in_lists(std::string_view domain, std::span<const LookupList> lists);
Result<std::optional<policy::ListEntry>> find_override(std::string_view domain, const LookupLists& lists);

}  // namespace starttls::listtool
