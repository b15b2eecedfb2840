// starttls-listtool update: the newest edition of every list is fetched, verified and installed, and the maps
// are made of it.
//
//   lists -> obtain (next set) -> drafts of the maps -> switch to the next set -> publish the maps ->
//   commands
//
// Up to the switch nothing that others see has changed, and whatever fails before leaves all as it was. Who
// is killed after it leaves maps that the records no longer vouch for: the next update makes them.

#include "listtool/update.h"

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "base/console.h"
#include "base/counted.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "json/json_text.h"
#include "listtool/fetch_edition.h"
#include "listtool/options.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// Fetched at least every 48 hours, a list that lasts no longer needs a person.
constexpr std::chrono::hours short_rest{48};

// What a command may take.
constexpr std::chrono::minutes command_limit{5};

// Which of two exit statuses says more: what a person must mend goes before what may pass.
int worse(int a, int b) {
  constexpr std::array order{Fault::internal,      Fault::config,      Fault::permission,
                             Fault::cannot_create, Fault::io,          Fault::usage,
                             Fault::data,          Fault::unavailable, Fault::temporary};
  const auto rank = [&](int status) {
    return std::ranges::find(order, status, [](Fault fault) { return static_cast<int>(fault); });
  };
  if (a == 0 || b == 0) return std::max(a, b);
  return rank(a) <= rank(b) ? a : b;
}

Result<void> check(const Configuration& configuration, const UpdateOptions& options) {
  if (configuration.lists.empty()) {
    return fail(Fault::config, "no [[list]] is configured: see listtool.toml(5)");
  }
  std::vector<std::string> names;
  names.reserve(configuration.lists.size());
  for (const ListSettings& list : configuration.lists) names.push_back(list.name);
  for (const std::string& wanted : options.lists) {
    if (std::ranges::find(names, wanted) != names.end()) continue;
    const auto meant = nearest(wanted, names);
    return fail(Fault::usage, "no list '{}' is configured{}", printable(wanted, 100),
                meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
  }
  // What will be read late must be known to be sound before anything is fetched.
  if (const auto overrides = read_overrides_source(configuration); !overrides) {
    return std::unexpected(overrides.error());
  }
  return {};
}

// What an update of before there was a memory installed, and what it wrote for everybody to read.
Result<void> take_over_former(const StateWriter& state, const Set& before, Memory& memory,
                              const Configuration& configuration) {
  for (const Edition& edition : before.lists) {
    if (memory.find(edition.name) == nullptr) {
      memory.remember(edition.name,
                      {.timestamp = edition.timestamp, .digest = {}, .origin = {}, .validators = {}});
    }
  }
  for (const LegacyFacts& former : before.former) {
    Remembered remembered = *memory.find(former.name);
    if (remembered.edition != 0) continue;
    auto origin = place_digest(former.origin);
    if (!origin) return std::unexpected(origin.error());
    remembered.edition = former.number;
    remembered.origin = std::move(*origin);
    remembered.validators = former.validators;
    memory.remember(former.name, std::move(remembered));
  }
  if (auto saved = memory.save(configuration.lists); !saved) return saved;
  return state.redact_legacy_facts();
}

// So that not all hosts of the world ask in the same second.
void wait_a_while(std::chrono::seconds splay) {
  if (splay.count() == 0) return;
  std::random_device random;
  std::uniform_int_distribution<std::int64_t> milliseconds(0, std::chrono::milliseconds(splay).count());
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
}

}  // namespace

Update::Update(const Common& common, const UpdateOptions& options, StateWriter& state, Set before,
               Memory memory)
    : common_(common),
      options_(options),
      state_(state),
      before_(std::move(before)),
      after_(before_),
      memory_(std::move(memory)),
      records_(OutputRecords::load(state.path())) {}

Result<int> Update::run() {
  mta_sts_ = read_mta_sts_source(common_.configuration, common_.now);
  take_lists();
  judge_lists();
  if (!due_outputs().empty()) read_kept_lists();
  tell_judgement();
  if (after_.lists != before_.lists) {
    if (const auto completed = complete_set(); !completed) return std::unexpected(completed.error());
  }
  auto outputs = draft_outputs();
  if (!outputs) return std::unexpected(outputs.error());
  if (const auto switched = switch_sets(*outputs); !switched) return std::unexpected(switched.error());
  publish(*outputs);
  report_lists();
  return status_;
}

void Update::take_lists() {
  after_.lists.clear();
  for (const ListSettings& settings : common_.configuration.lists) {
    const bool wanted =
        options_.lists.empty() || std::ranges::find(options_.lists, settings.name) != options_.lists.end();
    const Edition* const installed = before_.find(settings.name);
    ListReport report{.name = settings.name, .result = "unchanged"};
    std::optional<Edition> edition = wanted
                                         ? take(settings, installed, false, report)
                                         : (installed != nullptr ? std::optional(*installed) : std::nullopt);
    if (edition) after_.lists.push_back(std::move(*edition));
    lists_.push_back(std::move(report));
  }
  for (const Edition& edition : before_.lists) {
    if (after_.find(edition.name) != nullptr) continue;
    lists_.push_back({.name = edition.name, .result = "removed"});
  }
}

// The edition that counts from now on; none where there was none and none could be had.
std::optional<Edition> Update::take(const ListSettings& settings, const Edition* installed, bool anew,
                                    ListReport& report) {
  const Former before{.set = before_, .installed = installed, .remembered = memory_.find(settings.name)};
  auto obtained = obtain(common_, state_, client_, settings, before, {.anew = anew, .force = options_.force});
  if (!obtained || !obtained->content) state_.drop(settings.name);
  if (!obtained) {
    refuse(settings, installed, obtained.error(), report);
    return installed != nullptr ? std::optional(*installed) : std::nullopt;
  }
  memory_.remember(settings.name, std::move(obtained->remembered));
  if (obtained->content) {
    report.result = "new";
    report.edition = obtained->edition;
    report.changes = changes(installed, obtained->content->list);
    read_.insert_or_assign(settings.name, std::move(obtained->content->list));
  }
  return std::move(obtained->edition);
}

void Update::refuse(const ListSettings& settings, const Edition* installed, const Error& error,
                    ListReport& report) {
  const bool passing = error.fault == Fault::temporary;
  report.result = passing ? "failed" : "refused";
  report.error = error.message;
  status_ = worse(status_, error.exit_status());
  const bool lasts = installed != nullptr && installed->expires > common_.now + short_rest;
  const std::string message =
      fmt::format("list {}: {}{}", settings.name, error.message,
                  installed == nullptr
                      ? ""
                      : fmt::format("; the installed edition of {} stays", to_rfc3339(installed->timestamp)));
  // Trouble that may pass, and that hurts nobody yet, needs no person.
  if (passing && lasts) {
    warn(common_, message);
  } else {
    print_error(program, message);
  }
}

ChangeCounts Update::changes(const Edition* installed, const preload::List& now) const {
  if (installed == nullptr) return {.added = now.size()};
  Common quiet = common_;
  quiet.quiet = true;
  const fs::path file = before_.list_of(*installed);
  const auto before = read_unverified(quiet, installed->name, {.list = file, .signature = {}, .shown = file});
  return before ? compare(before->list, now) : ChangeCounts{.added = now.size()};
}

// The lists that stay, for the maps: verified again, since they have lain on a disk.
void Update::read_kept_lists() {
  const auto scratch = state_.begin_set();
  if (!scratch) {
    unchecked_ = scratch.error();
    return;
  }
  for (const InstalledList& list : installed_) {
    if (list.facts.unusable || read_.contains(list.facts.name)) continue;
    auto content = read_installed(common_, before_, list, *scratch);
    if (content) {
      read_.emplace(list.facts.name, std::move(*content));
      continue;
    }
    const auto verdict =
        verify_signed(common_, *list.settings, installed_files(before_, *list.edition, *scratch));
    take_anew(list, content.error(), !verdict && verdict.error().fault == Fault::data);
  }
  judge_lists();
}

// `proven`: that no key of now signed it.
void Update::take_anew(const InstalledList& damaged, const Error& error, bool proven) {
  const std::string& name = damaged.facts.name;
  warn(common_, fmt::format("list {}: what is installed cannot be verified, and is fetched anew: {}", name,
                            error.message));
  const auto report = std::ranges::find(lists_, name, &ListReport::name);
  const auto edition = std::ranges::find(after_.lists, name, &Edition::name);
  *edition = *take(*damaged.settings, before_.find(name), true, *report);
  if (read_.contains(name)) return;
  // Only what is proven to be nobody's list is left out of the maps: else who keeps signatures from being
  // checked would take its policies away.
  if (proven) {
    unverified_.emplace(name, Error{Fault::data, "what is installed cannot be verified"});
  } else {
    unchecked_ = error;
  }
}

Result<void> Update::complete_set() {
  if (const auto begun = state_.begin_set(); !begun) return std::unexpected(begun.error());
  for (const Edition& edition : after_.lists) {
    if (edition.number == state_.next_number()) continue;
    if (const auto kept = state_.keep(before_, edition); !kept) return kept;
  }
  auto set = state_.complete_set(std::move(after_.lists));
  if (!set) return std::unexpected(set.error());
  after_ = std::move(*set);
  return {};
}

void Update::judge_lists() {
  installed_ = installed_lists(common_.configuration, after_, common_.now);
  for (InstalledList& list : installed_) {
    const auto found = unverified_.find(list.facts.name);
    if (found != unverified_.end() && !list.facts.unusable) list.facts.unusable = found->second;
  }
}

void Update::tell_judgement() {
  for (const InstalledList& list : installed_) {
    if (!list.edition) continue;  // why was told when it was asked for
    if (const int told = warn_unusable(list.facts); told != 0) {
      status_ = worse(status_, told);
    } else if (list.facts.expires <= common_.now + short_rest) {
      // The publisher may bring a newer one in time, and the next run find it.
      status_ = worse(status_, static_cast<int>(Fault::temporary));
      print_warning(program, fmt::format("list {}: it expires on {}, and there is no newer one; then no "
                                         "policy is taken from it",
                                         list.facts.name, to_rfc3339(list.facts.expires)));
    }
  }
}

// A map that others made, or that an update of a state that is lost made, stays until all lists are there.
bool Update::must_wait(const OutputSettings& output) const {
  const bool complete =
      std::ranges::all_of(installed_, [](const InstalledList& list) { return list.edition.has_value(); });
  std::error_code none;
  return !complete && !records_.is_known(output) && fs::exists(file_of(output), none);
}

std::vector<Update::Output> Update::due_outputs() const {
  std::vector<Output> outputs;
  if (before_.lists.empty() && after_.lists.empty()) return outputs;
  for (const OutputSettings& settings : common_.configuration.outputs) {
    std::string made = made_of(settings, installed_, common_.configuration.overrides,
                               mta_sts_ ? fingerprint(*mta_sts_) : "");
    if (records_.is_current(settings, made) || must_wait(settings)) continue;
    outputs.push_back(
        {.settings = &settings, .made_of = std::move(made), .command_is_due = !records_.is_known(settings)});
  }
  return outputs;
}

Result<std::vector<Update::Output>> Update::draft_outputs() {
  for (const OutputSettings& settings : common_.configuration.outputs) {
    if (after_.lists.empty() || !must_wait(settings)) continue;
    warn(common_, fmt::format("{}: stays as it is until every list is installed",
                              printable(file_of(settings).string())));
  }
  auto outputs = due_outputs();
  if (outputs.empty()) return outputs;
  // Maps without the policies that they had would be a step back: they stay until the cache is mended.
  if (!mta_sts_) {
    fail_outputs(outputs, mta_sts_.error());
    return outputs;
  }
  if (unchecked_) {
    fail_outputs(outputs, *unchecked_);
    return outputs;
  }
  auto sources = sources_of(common_, installed_, std::move(read_), std::move(*mta_sts_));
  if (!sources) return std::unexpected(sources.error());
  for (Output& output : outputs) {
    const auto drafted = draft(output, *sources);
    if (drafted) continue;
    // A disk that is full or fails spares nothing: all stays as it was. Any other trouble is this map's
    // alone, and the others must not wait for somebody to mend it.
    if (drafted.error().fault == Fault::io) return std::unexpected(drafted.error());
    fail_output(output, drafted.error());
  }
  return outputs;
}

Result<void> Update::draft(Output& output, std::span<const Source> sources) const {
  auto draft = draft_map(*output.settings, sources, common_.configuration.programs);
  if (!draft) return std::unexpected(draft.error());
  output.not_expressed = draft->not_expressed;
  const auto differs = draft->file.differs();
  if (!differs) return std::unexpected(differs.error());
  if (!*differs) return {};
  if (auto finished = draft->file.finish(); !finished) return finished;
  output.draft.emplace(std::move(draft->file));
  output.command_is_due = true;
  return {};
}

void Update::fail_outputs(std::vector<Output>& outputs, const Error& error) {
  for (Output& output : outputs) fail_output(output, error);
}

void Update::fail_output(Output& output, const Error& error) {
  output.draft.reset();
  output.failed = true;
  status_ = worse(status_, report_error(program, error));
}

// The last step that can fail as a whole.
Result<void> Update::switch_sets(std::span<const Output> outputs) {
  for (const Output& output : outputs) {
    if (!output.failed) records_.forget(*output.settings);
  }
  if (!outputs.empty()) {
    if (auto saved = records_.save(common_.configuration.outputs); !saved) return saved;
  }
  // Before the switch: who is killed in between asks without conditions, and installs the same edition again.
  if (auto saved = memory_.save(common_.configuration.lists); !saved) return saved;
  return after_.folder == before_.folder ? Result<void>{} : state_.switch_to(after_);
}

// From here on what goes wrong is told, and the next update makes up for it.
void Update::publish(std::span<Output> outputs) {
  for (Output& output : outputs) {
    if (!output.draft) continue;
    if (const auto published = output.draft->commit(); !published) fail_output(output, published.error());
  }
  for (const Output& output : outputs) finish(output);
  if (outputs.empty()) return;
  if (const auto saved = records_.save(common_.configuration.outputs); !saved) {
    status_ = worse(status_, report_error(program, saved.error()));
  }
}

void Update::finish(const Output& output) {
  const std::string file = printable(file_of(*output.settings).string());
  OutputReport report{.file = file, .changed = output.draft.has_value(), .command = "none"};
  report.failed = output.failed;
  if (output.failed) return outputs_.push_back(std::move(report));
  if (common_.verbose) print_info(program, file + (report.changed ? ": written" : ": unchanged"));
  warn_not_expressed(common_, file, output.not_expressed);
  const bool has_command = !output.settings->command.empty();
  const bool ran = !has_command || !output.command_is_due || run_command(output, report);
  if (ran) records_.remember(*output.settings, output.made_of);
  outputs_.push_back(std::move(report));
}

// A command that fails runs again with the next update.
bool Update::run_command(const Output& output, OutputReport& report) {
  const auto done =
      run_program({.argv = output.settings->command, .merge_stderr = true, .time_limit = command_limit});
  report.command = done && done->succeeded() ? "done" : "failed";
  if (done && done->succeeded()) return true;
  const Fault fault = done ? Fault::temporary : done.error().fault;
  const std::string why = done ? failure_text(output.settings->command.front(), *done) : done.error().message;
  print_error(program,
              fmt::format("{}: written, but its command failed and will run again: {}", report.file, why));
  status_ = worse(status_, static_cast<int>(fault));
  return false;
}

void Update::report_lists() {
  if (common_.json || common_.quiet) return;
  std::string text;
  for (const ListReport& list : lists_) {
    if (list.result == "removed") text += list.name + ": no longer configured, and removed\n";
    if (!list.edition) continue;
    text += fmt::format("{}: {} added, {} removed, {} changed; {}, of {}, expires {}\n", list.name,
                        list.changes.added, list.changes.removed, list.changes.changed,
                        counted(list.edition->domains, "domain"), to_rfc3339(list.edition->timestamp),
                        to_rfc3339(list.edition->expires));
  }
  // What is installed is installed, whether or not anybody hears of it.
  if (const auto printed = print(text); !printed) {
    status_ = worse(status_, report_error(program, printed.error()));
  }
}

std::string Update::as_json() const {
  json::JsonText json;
  json.begin_object();
  json.key("lists");
  json.begin_array();
  for (const ListReport& list : lists_) {
    json.begin_object();
    json.member("name", list.name);
    json.member("result", list.result);
    if (list.edition) {
      json.member("timestamp", to_rfc3339(list.edition->timestamp));
      json.member("expires", to_rfc3339(list.edition->expires));
      json.member("domains", list.edition->domains);
      json.member("added", list.changes.added);
      json.member("removed", list.changes.removed);
      json.member("changed", list.changes.changed);
    }
    if (!list.error.empty()) json.member("error", list.error);
    json.end_object();
  }
  json.end_array();
  json.key("outputs");
  json.begin_array();
  for (const OutputReport& output : outputs_) {
    json.begin_object();
    json.member("file", output.file);
    json.member("changed", output.changed);
    json.member("failed", output.failed);
    json.member("command", output.command);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

Result<int> update(const Common& given, const UpdateOptions& options) {
  if (const auto sound = check(given.configuration, options); !sound) return std::unexpected(sound.error());
  wait_a_while(std::chrono::seconds(options.splay_seconds));
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  Common common = given;
  common.now = (*clock)();
  auto state = StateWriter::lock(common.configuration.state_dir);
  if (!state) return std::unexpected(state.error());
  auto before = current_set(common.configuration.state_dir);
  if (!before) return std::unexpected(before.error());
  auto memory = Memory::load(common.configuration.state_dir);
  if (!memory) return std::unexpected(memory.error());
  if (const auto taken = take_over_former(*state, *before, *memory, common.configuration); !taken) {
    return std::unexpected(taken.error());
  }
  Update run(common, options, *state, std::move(*before), std::move(*memory));
  const auto status = run.run();
  state->discard_set();
  if (status && common.json) {
    if (const auto printed = print(run.as_json()); !printed) return std::unexpected(printed.error());
  }
  return status;
}

}  // namespace starttls::listtool
