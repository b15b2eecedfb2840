// The state directory: which edition of each list is installed.
//
//   STATE/lock                    held by the update that runs
//   STATE/current, previous       links to the sets that count now and counted before
//   STATE/sets/N/set.toml         its lists, in overlay order; readable by all
//   STATE/sets/N/NAME.json        a list, and beside it its signature (.minisig or .asc) and its index (.cdb)
//   STATE/outputs.toml            what the maps were made of (see outputs.h)
//   STATE/remembered.toml         the newest edition of each list (see remembered.h)
//   STATE/openpgp-*               what gpgv reads while it runs
//
// A set never changes. An update makes the next one beside it, with links to the files of lists that stay,
// and then turns `current` to it: others see all of the old set or all of the new one, whenever the update is
// killed. A set that no link leads to is cleared away by the next update.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "http/validators.h"

namespace starttls::listtool {

// An edition of a list, as it is installed.
struct Edition {
  std::string name;
  std::uint64_t number = 0;  // of the set it came with: no other edition of this list has it
  std::string origin;        // the URL or path it is from, as shown_origin() has it: without secrets
  std::string signed_by;     // "key A809E3FFB11E271C", "OpenPGP key 40 HEX DIGITS"
  std::string signature;     // the end of its signature's name: ".minisig" or ".asc"
  Time timestamp;
  Time expires;
  std::uint64_t domains = 0;

  bool operator==(const Edition&) const = default;
};

// What set.toml once had in it for everybody to read: the whole URL, and what the server said.
struct LegacyFacts {
  std::string name;
  std::uint64_t number = 0;
  std::string origin;
  http::Validators validators;
};

// A set of editions in its directory.
struct ListSet {
  std::filesystem::path folder;  // empty where nothing is installed
  std::vector<Edition> lists;
  std::vector<LegacyFacts> legacy;  // where set.toml has them

  const Edition* find(std::string_view name) const;
  std::filesystem::path list_file(const Edition& edition) const;
  std::filesystem::path signature_file(const Edition& edition) const;
  std::filesystem::path index_file(const Edition& edition) const;
};

// The set in a directory. Fault::data where it is damaged.
Result<ListSet> read_set(const std::filesystem::path& folder);

// The current set; an empty one where nothing was ever installed.
Result<ListSet> current_set(const std::filesystem::path& state_dir);

// The state directory of the one process that may change it.
class StateWriter {
 public:
  // Makes the directory where it is missing, and clears away what killed updates left. Fault::temporary where
  // another update holds the lock.
  static Result<StateWriter> lock(const std::filesystem::path& state_dir);

  // Creates the directory of the next set if it does not exist. `next_number` and `next_directory` say which.
  Result<std::filesystem::path> create_next_set();
  std::uint64_t next_number() const { return next_; }
  std::filesystem::path next_directory() const { return path_ / "sets" / std::to_string(next_); }

  // Takes back what was put into the new set for a list that is not to be in it.
  void discard_files(std::string_view list) const;

  // Puts the edition's files of another set into the new one, too.
  Result<void> keep(const ListSet& from, const Edition& edition);

  // Of sets with legacy facts: writes set.toml without secrets. ListSet::legacy must be
  // saved elsewhere before.
  Result<void> redact_legacy_facts() const;

  // The mode of a new file that others may read: 0644 less the umask.
  mode_t mode() const { return mode_; }

  // Writes set.toml; from then on the new set is complete and safe from a power cut.
  Result<ListSet> complete_set(std::vector<Edition> lists);

  // The one moment at which the new set takes the place of the current one.
  Result<void> switch_to(const ListSet& set);

  // Removes the new set, if it was begun and is not in use.
  void discard_set() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  StateWriter(std::filesystem::path path, UniqueFd lock);
  void clear_away();
  Result<void> link(std::string_view name, const std::string& target);

  std::filesystem::path path_;
  UniqueFd lock_;
  mode_t mode_;
  std::uint64_t next_ = 1;
};

}  // namespace starttls::listtool
