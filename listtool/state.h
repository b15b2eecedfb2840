// The state directory: which edition of each list is installed.
//
//   STATE/lock                    locked by the running update
//   STATE/current, previous       links to the current set and to the one before
//   STATE/sets/N/set.toml         its lists, in overlay order; readable by all
//   STATE/sets/N/NAME.json        a list, with its signatures (.minisig, .KEYID.minisig or .asc) and its index (.cdb)
//   STATE/outputs.toml            what the maps were made of (see outputs.h)
//   STATE/remembered.toml         the newest edition of each list (see update_history.h)
//   STATE/openpgp-*               the input of gpgv while it runs
//
// A set never changes. An update creates the next set, with hard links to the files of lists that stay, and
// then changes the link `current` to it. So other programs see either the whole old set or the whole new set,
// whenever the update is killed. The next update removes sets without a link.
//
// A set.toml or remembered.toml of format 1 has no key `format`. A later one has `format = 2` or more, and versions that do
// not know it refuse it. An outputs.toml that cannot be read only makes all maps again.
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
#include "config/settings.h"
#include "http/validators.h"
#include "keyring/keyring.h"

namespace starttls::listtool {

// The newest version of a list's keys.json that was accepted.
struct TrustedKeyring {
  keyring::Keyring keyring;
  std::string roots;  // roots_text() of the configuration that it was accepted with

  bool operator==(const TrustedKeyring&) const = default;
};

// An edition of a list, as it is installed.
struct Edition {
  std::string name;
  std::uint64_t number = 0;  // of the set in which it was new; unique for this list
  std::string origin;        // its URL or path, without secrets: see shown_origin()
  // "key A809E3FFB11E271C", several with ", " in between; "OpenPGP key 40 HEX DIGITS"
  std::string signed_by;
  std::string signature;  // the suffix of its (first) signature's file: ".minisig" or ".asc"
  Time timestamp;
  Time expires;
  std::uint64_t domains = 0;
  std::optional<TrustedKeyring> keyring = std::nullopt;  // of a list with root_keys

  bool operator==(const Edition&) const = default;
};

// The single keys in Edition::signed_by.
std::vector<std::string> split_signers(const std::string& signed_by);

// Facts that older versions wrote to set.toml, readable by all: the whole URL, and validators of the server.
struct LegacyFacts {
  std::string name;
  std::uint64_t number = 0;
  std::string origin;
  http::Validators validators;
};

// Fault::data if a file of the state directory is of a newer version; to be called before its keys are read. `kind`: "an
// installed set of lists".
Result<void> check_format(config::Settings& settings, const std::filesystem::path& file,
                          std::string_view kind);

// A set of editions in its directory.
struct ListSet {
  std::filesystem::path folder;  // empty if nothing is installed
  std::vector<Edition> lists;
  std::vector<LegacyFacts> legacy;  // if set.toml has them

  const Edition* find(std::string_view name) const;
  std::filesystem::path list_file(const Edition& edition) const;
  std::filesystem::path signature_file(const Edition& edition) const;
  // Those of the other keys, in the order of Edition::signed_by.
  std::vector<std::filesystem::path> further_signature_files(const Edition& edition) const;
  std::filesystem::path signature_file_of_key(const std::string& list, const std::string& key_id) const;
  std::filesystem::path index_file(const Edition& edition) const;
};

// Reads the set in a directory. Fault::data if it is damaged, or of a newer version.
Result<ListSet> read_set(const std::filesystem::path& folder);

// Reads the current set; returns an empty one if nothing was ever installed.
Result<ListSet> current_set(const std::filesystem::path& state_dir);

// The state directory, for the only process that may change it.
class StateWriter {
 public:
  // Creates the directory if it does not exist, and removes what killed updates have left. Fault::temporary
  // if another update has the lock.
  static Result<StateWriter> lock(const std::filesystem::path& state_dir);

  // Creates the directory of the next set if it does not exist. next_number() and next_directory() return its
  // number and path.
  Result<std::filesystem::path> create_next_set();
  std::uint64_t next_number() const { return next_; }
  std::filesystem::path next_directory() const { return path_ / "sets" / std::to_string(next_); }

  // Removes the files of a list from the new set.
  void discard_files(std::string_view list) const;

  // Links the edition's files of another set into the new set.
  Result<void> keep(const ListSet& from, const Edition& edition);

  // For sets with legacy facts: writes set.toml without secrets. ListSet::legacy must be saved elsewhere
  // before.
  Result<void> redact_legacy_facts() const;

  // The mode of a new file that others may read: 0644 less the umask.
  mode_t mode() const { return mode_; }

  // Writes set.toml. After that the new set is complete and survives a power failure.
  Result<ListSet> complete_set(std::vector<Edition> lists);

  // Replaces the current set by the new one, in one atomic step.
  Result<void> switch_to(const ListSet& set);

  // Removes the new set if it was created and is not in use.
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
