// The file in which `check` keeps what it found of each domain, a line a domain (known_domain.h). It serves three
// purposes: a run that was stopped goes on where it was (--since), a run shows what has changed (--changed, --watch),
// and the page of tlsrpt-report shows the last verdicts.
//
// A line is appended as soon as a domain is examined. The last line of a domain counts, and a last line without its end
// is ignored. A run that comes to its end replaces the file by one without the lines that no longer count. A run holds
// the lock of FILE.lock, which stays; who only reads needs no lock.
//
// This is format 1, which names itself nowhere. A file of a later one begins with the line "# format 2".
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "base/domain.h"
#include "base/file.h"
#include "base/result.h"
#include "checkdb/known_domain.h"

namespace starttls::checkdb {

inline constexpr std::size_t max_state_size = std::size_t{256} << 20U;  // bytes

using KnownDomains = std::map<DomainName, KnownDomain>;

// Only reads the file; nothing where there is none. Fault::data, with FILE:LINE, where it is damaged, and with FILE where
// it is of a newer version.
Result<std::optional<KnownDomains>> read_check_state(const std::filesystem::path& path);

class CheckState {
 public:
  // Reads the file; makes one where there is none, which belongs to the owner of its directory. Fault::temporary while
  // another process has it, Fault::permission where we may not write to it, Fault::data, with FILE:LINE, where it is
  // damaged.
  static Result<CheckState> open(const std::filesystem::path& path);

  // Null where it is not known. Until the next add() of this domain.
  const KnownDomain* find(const DomainName& domain) const;
  Result<void> add(const DomainName& domain, KnownDomain known);
  // Removes the domains of which this is true; from the file with finish().
  void remove_if(const std::function<bool(const DomainName& domain)>& unwanted);
  // Removes what no longer counts from the file. Nothing can be added afterwards.
  Result<void> finish();

 private:
  CheckState(std::filesystem::path path, UniqueFd lock, UniqueFd file)
      : path_(std::move(path)), lock_(std::move(lock)), file_(std::move(file)) {}
  Result<void> read();

  std::filesystem::path path_;
  UniqueFd lock_;
  UniqueFd file_;
  KnownDomains domains_;
  std::size_t lines_ = 0;  // in the file
};

}  // namespace starttls::checkdb
