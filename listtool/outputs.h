// Which maps are current. This is stored in STATE/outputs.toml, so that an update need not make the maps to
// find out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/installed_lists.h"

namespace starttls::listtool {

// A text that changes when the file is written or replaced; "" if there is no such file.
std::string file_stamp_text(const std::filesystem::path& file);

// Everything on which the content of a map depends, as a text to compare: the lists in their order (edition,
// OpenPGP key file and why they cannot be used), the overrides' file, the MTA-STS policies (see fingerprint()
// in mta_sts_source.h), and the settings of the map.
std::string map_fingerprint(const OutputSettings& output, std::span<const InstalledList> lists,
                            const std::filesystem::path& overrides, const std::string& mta_sts);

class OutputRecords {
 public:
  // No records if they cannot be read: then all maps are made again.
  static OutputRecords load(const std::filesystem::path& state_dir);

  // Whether the map exists as it was published and was made of the same content.
  bool is_current(const OutputSettings& output, const std::string& fingerprint) const;
  // Whether the map was published and its command has run.
  bool was_published(const OutputSettings& output) const;

  // Save this before a map is published: if the update is killed after that, the next one makes the map again
  // and runs its command.
  void forget(const OutputSettings& output);
  // Save this when the map is published and its command has run.
  void remember(const OutputSettings& output, const std::string& fingerprint);
  // Also removes the records of maps that are no longer configured.
  Result<void> save(std::span<const OutputSettings> outputs);

 private:
  struct Record {
    std::string fingerprint;  // map_fingerprint() of what it was made of
    std::string stamp;        // file_stamp_text()
  };
  explicit OutputRecords(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
  std::map<std::string, Record> records_;  // by file
};

}  // namespace starttls::listtool
