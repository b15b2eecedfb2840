// One run of starttls-listtool update. Internal to update.cpp; a class, because what one step finds the later
// ones need.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"
#include "http/client.h"
#include "listtool/changes.h"
#include "listtool/configuration.h"
#include "listtool/installed_lists.h"
#include "listtool/map.h"
#include "listtool/mta_sts_source.h"
#include "listtool/outputs.h"
#include "listtool/sources.h"
#include "listtool/state.h"
#include "listtool/update_history.h"

namespace starttls::listtool {

struct Common;
struct UpdateOptions;

class Update {
 public:
  Update(const Common& common, const UpdateOptions& options, StateWriter& state, Set before, Memory memory);

  // The exit status, where the run came to its end: not 0 where single lists or commands failed, which was
  // told. An Error where nothing was changed.
  Result<int> run();
  std::string as_json() const;

 private:
  // For people and for --json.
  struct ListReport {
    std::string name;
    std::string result;              // "new", "unchanged", "refused", "failed" or "removed"
    std::optional<Edition> edition;  // of a new one
    ChangeCounts changes;
    std::string error;
  };
  struct OutputReport {
    std::string file;
    bool changed = false;
    bool failed = false;  // and so left as it was
    std::string command;  // "none", "done" or "failed"
  };
  // A map that must be made, or looked at, again.
  struct Output {
    const OutputSettings* settings;
    std::string made_of;
    bool command_is_due;
    bool failed = false;
    std::optional<AtomicFile> draft = std::nullopt;  // where it differs from what is there
    std::size_t not_expressed = 0;
  };

  void take_lists();
  std::optional<Edition> take(const ListSettings& settings, const Edition* installed, bool anew,
                              ListReport& report);
  void refuse(const ListSettings& settings, const Edition* installed, const Error& error, ListReport& report);
  ChangeCounts changes(const Edition* installed, const preload::List& now) const;
  void read_kept_lists();
  void take_anew(const InstalledList& damaged, const Error& error, bool proven);
  void fail_outputs(std::vector<Output>& outputs, const Error& error);
  Result<void> complete_set();
  void judge_lists();
  void tell_judgement();
  std::vector<Output> due_outputs() const;
  bool must_wait(const OutputSettings& output) const;
  Result<std::vector<Output>> draft_outputs();
  Result<void> draft(Output& output, std::span<const Source> sources) const;
  void fail_output(Output& output, const Error& error);
  Result<void> switch_sets(std::span<const Output> outputs);
  void publish(std::span<Output> outputs);
  void finish(const Output& output);
  bool run_command(const Output& output, OutputReport& report);
  void report_lists();

  const Common& common_;
  const UpdateOptions& options_;
  StateWriter& state_;
  http::Client client_;
  Set before_;
  Set after_;
  Memory memory_;
  std::map<std::string, preload::List> read_;
  std::map<std::string, Error> unverified_;  // installed lists that nobody signed as they are now
  std::optional<Error> unchecked_;           // why that could not be found out for one of them
  std::vector<InstalledList> installed_;     // or will be, by the clock and by what was found
  Result<std::optional<Source>> mta_sts_;
  OutputRecords records_;
  std::vector<ListReport> lists_;
  std::vector<OutputReport> outputs_;
  int status_ = 0;
};

}  // namespace starttls::listtool
