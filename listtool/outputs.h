// Which maps are up to date: kept in STATE/outputs.toml, so that an update with nothing new need not make
// them to know.
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

// A text that changes whenever somebody writes or replaces the file; "" where there is no such file.
std::string identity_of(const std::filesystem::path& file);

// Everything on which the content of a map depends, as a text to be compared: the lists in their order, by
// edition, OpenPGP key file and why they cannot be used, the overrides' file, the MTA-STS policies (see
// fingerprint() in mta_sts_source.h), and how the map is to be made.
std::string made_of(const OutputSettings& output, std::span<const InstalledList> lists,
                    const std::filesystem::path& overrides, const std::string& mta_sts);

class OutputRecords {
 public:
  // Records that cannot be read are none: then the maps are made anew.
  static OutputRecords load(const std::filesystem::path& state_dir);

  // Whether the map is there as it was published, and was made of the same.
  bool is_current(const OutputSettings& output, const std::string& made_of) const;
  // Whether it was published, and its command has run.
  bool is_known(const OutputSettings& output) const;

  // To be saved before a map is published: whoever is killed from here on, the next update makes the map
  // again and runs its command.
  void forget(const OutputSettings& output);
  // To be saved when the map is there and its command has run.
  void remember(const OutputSettings& output, const std::string& made_of);
  // Forgets the maps that are no longer configured, too.
  Result<void> save(std::span<const OutputSettings> outputs);

 private:
  // Of a file: it changes whenever somebody writes or replaces it.
  struct Record {
    std::string made_of;
    std::string identity;
  };
  explicit OutputRecords(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
  std::map<std::string, Record> records_;  // by the file
};

}  // namespace starttls::listtool
