// One run of starttls-listtool update: fetches, verifies and installs the newest edition of every list, and
// makes the maps of them.
//
//   lists -> fetch_keyring -> fetch_edition (next set) -> drafts of the maps -> switch to the next set -> publish the maps ->
//   commands
//
// Before the switch nothing changes for other programs, and after a failure everything is as before. If the
// update is killed after the switch, the records no longer list the maps that were not published, and the
// next update makes them.
//
// This is a class because later steps need the results of earlier ones.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"
#include "http/client.h"
#include "listtool/configuration.h"
#include "listtool/fetch_keyring.h"
#include "listtool/installed_lists.h"
#include "listtool/map.h"
#include "listtool/mta_sts_source.h"
#include "listtool/outputs.h"
#include "listtool/sources.h"
#include "listtool/state.h"
#include "listtool/update_history.h"
#include "listtool/update_report.h"

namespace starttls::listtool {

struct Context;

struct UpdateOptions {
  std::vector<std::string> lists;  // by name; empty: all
  bool force = false;              // a list may shrink by any amount
};

class Update {
 public:
  Update(const Context& context, const UpdateOptions& options, StateWriter& state, ListSet before,
         UpdateHistory history);

  // Returns the exit status. It is not 0 if single lists or commands failed, which is reported. Returns an
  // Error if nothing was changed.
  Result<int> run();
  const UpdateReport& report() const { return report_; }

 private:
  // A map that must be made or checked again.
  struct Output {
    const OutputSettings* settings;
    std::string fingerprint;  // of what it is made of
    bool command_is_due;
    bool failed = false;
    std::optional<AtomicFile> draft = std::nullopt;  // if it differs from the existing file
    std::size_t not_expressed = 0;
  };

  void fetch_lists();
  std::optional<Edition> take(const ListSettings& settings, const Edition* installed, bool unconditional,
                              ListReport& report);
  FetchedKeyring take_keyring(const ListSettings& settings, const Edition* installed, ListReport& report);
  void report_unchanged(const ListSettings& settings, const Edition& edition) const;
  void refuse(const ListSettings& settings, const Edition* installed, const Error& error, ListReport& report);
  ChangeCounts changes(const Edition* installed, const preload::List& now) const;
  void read_kept_lists();
  void refetch(const InstalledList& damaged, const Error& error, bool proven);
  void fail_outputs(std::vector<Output>& outputs, const Error& error);
  Result<void> complete_set();
  void check_lists();
  void report_unusable();
  std::vector<Output> due_outputs() const;
  bool must_wait(const OutputSettings& output) const;
  Result<std::vector<Output>> draft_outputs();
  Result<void> draft(Output& output, std::span<const Source> sources) const;
  void fail_output(Output& output, const Error& error);
  Result<void> switch_sets(std::span<const Output> outputs);
  void publish(std::span<Output> outputs);
  void report_unchanged(std::span<const Output> outputs) const;
  void finish(const Output& output);
  bool run_command(const Output& output, OutputReport& report);
  void report_lists();

  const Context& context_;
  const UpdateOptions& options_;
  StateWriter& state_;
  http::Client client_;
  ListSet before_;
  ListSet after_;
  UpdateHistory history_;
  std::map<std::string, preload::List> read_;
  std::map<std::string, Error> unverified_;  // installed lists whose files no configured key has signed
  std::optional<Error> unchecked_;           // why that could not be checked for one of them
  std::vector<InstalledList> installed_;     // or to be installed, as checked by clock and keys
  Result<std::optional<Source>> mta_sts_;
  OutputRecords records_;
  UpdateReport report_;
  int status_ = 0;
};

}  // namespace starttls::listtool
