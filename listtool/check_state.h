// What `check` found of each domain when it last examined it: the file of --state. It serves two purposes: a run that
// was stopped goes on where it was (--since), and a run shows what has changed (--changed).
//
//     example.org<TAB>2026-11-28T12:00:00Z<TAB>fault certificate-name mx.example.org[192.0.2.1]<TAB>...
//
// A line is appended as soon as a domain is examined. The last line of a domain counts, and a last line without its end
// is ignored. A run that comes to its end replaces the file by one without the lines that no longer count.
#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/file.h"
#include "base/result.h"
#include "examination/finding.h"

namespace starttls::listtool {

inline constexpr std::size_t max_state_size = std::size_t{256} << 20U;  // bytes

// A warning or a fault.
struct KnownFinding {
  std::string code;     // its word
  std::string subject;  // examination::to_string() of it
  examination::Level level = examination::Level::warning;

  auto operator<=>(const KnownFinding&) const = default;
};

struct KnownDomain {
  Time examined;
  std::vector<KnownFinding> findings;  // sorted
  bool cannot_tell = false;            // something was not found out

  bool operator==(const KnownDomain&) const = default;
};

// The worst of them; ok where there is none.
examination::Level worst(const KnownDomain& known);

// What is known after an examination: its findings, and earlier ones about subjects of which something was not found
// out now. `before` may be null. So a server that limits connections once makes nothing better.
KnownDomain known_after(const KnownDomain* before, const examination::Findings& findings, Time examined);

struct CheckChanges {
  std::vector<KnownFinding> worse;   // new, or a fault that was a warning
  std::vector<KnownFinding> better;  // gone, or a warning now; as it was before

  bool is_empty() const { return worse.empty() && better.empty(); }
};
CheckChanges compare(const KnownDomain& before, const KnownDomain& now);

// One line, with its end, and back. Fault::data where it is no such line.
std::string to_line(const DomainName& domain, const KnownDomain& known);
Result<std::pair<DomainName, KnownDomain>> read_line(std::string_view line);

class CheckState {
 public:
  // Reads and locks the file; makes one where there is none. Fault::temporary while another process has it,
  // Fault::data where it is damaged.
  static Result<CheckState> open(const std::filesystem::path& path);

  // Null where it is not known. Until the next add() of this domain.
  const KnownDomain* find(const DomainName& domain) const;
  Result<void> add(const DomainName& domain, KnownDomain known);
  // Removes what no longer counts from the file.
  Result<void> finish();

 private:
  CheckState(std::filesystem::path path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> read(std::string_view text);

  std::filesystem::path path_;
  UniqueFd file_;
  std::map<DomainName, KnownDomain> domains_;
  std::size_t lines_ = 0;  // in the file
};

}  // namespace starttls::listtool
