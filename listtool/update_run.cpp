#include "listtool/update_run.h"

#include <algorithm>
#include <array>

#include "base/console.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"
#include "listtool/fetch_edition.h"
#include "listtool/signers.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// Lists are fetched at least every 48 hours. A list that is valid for less time needs attention.
constexpr std::chrono::hours min_remaining_validity{48};

// A keys.json that is valid for less time needs the publisher's attention.
constexpr std::chrono::days min_keys_validity{30};

// The time limit of a command.
constexpr std::chrono::minutes command_limit{5};

// The more severe of two exit statuses: errors that an administrator must fix before temporary ones.
int more_severe(int a, int b) {
  constexpr std::array order{Fault::internal,      Fault::config,      Fault::permission,
                             Fault::cannot_create, Fault::io,          Fault::usage,
                             Fault::data,          Fault::unavailable, Fault::temporary};
  const auto rank = [&](int status) {
    return std::ranges::find(order, status, [](Fault fault) { return static_cast<int>(fault); });
  };
  if (a == 0 || b == 0) return std::max(a, b);
  return rank(a) <= rank(b) ? a : b;
}

}  // namespace

Update::Update(const Context& context, const UpdateOptions& options, StateWriter& state, ListSet before,
               UpdateHistory history)
    : context_(context),
      options_(options),
      state_(state),
      before_(std::move(before)),
      after_(before_),
      history_(std::move(history)),
      records_(OutputRecords::load(state.path())) {}

Result<int> Update::run() {
  mta_sts_ = read_mta_sts_source(context_.configuration, context_.now);
  fetch_lists();
  check_lists();
  if (!due_outputs().empty()) read_kept_lists();
  report_unusable();
  if (after_.lists != before_.lists) {
    TRY(complete_set());
  }
  auto outputs = TRY(draft_outputs());
  TRY(switch_sets(outputs));
  publish(outputs);
  report_lists();
  return status_;
}

void Update::fetch_lists() {
  after_.lists.clear();
  for (const ListSettings& settings : context_.configuration.lists) {
    const bool wanted =
        options_.lists.empty() || std::ranges::find(options_.lists, settings.name) != options_.lists.end();
    const Edition* const installed = before_.find(settings.name);
    ListReport report{.name = settings.name, .result = "unchanged"};
    std::optional<Edition> edition = wanted
                                         ? take(settings, installed, false, report)
                                         : (installed != nullptr ? std::optional(*installed) : std::nullopt);
    if (wanted && edition && report.result == "unchanged") report_unchanged(settings, *edition);
    if (edition) after_.lists.push_back(std::move(*edition));
    report_.lists.push_back(std::move(report));
  }
  for (const Edition& edition : before_.lists) {
    if (after_.find(edition.name) != nullptr) continue;
    report_.lists.push_back({.name = edition.name, .result = "removed"});
  }
}

void Update::report_unchanged(const ListSettings& settings, const Edition& edition) const {
  if (!context_.verbose) return;
  print_info(program, fmt::format("list {}: {}: unchanged; {}", settings.name,
                                  printable(shown_origin(origin(settings))), edition_text(edition)));
}

// The newest keys.json, also if the list cannot be updated: a key that it no longer names must not count any longer.
FetchedKeyring Update::take_keyring(const ListSettings& settings, const Edition* installed,
                                    ListReport& report) {
  const ListHistory* const known = history_.find(settings.name);
  FetchedKeyring fetched = fetch_keyring(context_, client_, settings, installed, known);
  if (!fetched.newest) return fetched;
  const keyring::Keyring& newest = fetched.newest->keyring;
  const bool is_same_root = known != nullptr && known->roots == fetched.newest->roots;
  if (!is_same_root || known->keys_version < newest.version) {
    ListHistory list_history = known != nullptr ? *known : ListHistory{};
    list_history.keys_version = newest.version;
    list_history.roots = fetched.newest->roots;
    history_.remember(settings.name, std::move(list_history));
  }
  const keyring::Keyring* const before = installed != nullptr ? keyring_of(*installed) : nullptr;
  if (before == nullptr || *before != newest) report.keys = compare(before, newest);
  if (!fetched.error && newest.expires < context_.now + min_keys_validity) {
    print_warning(program,
                  fmt::format("list {}: its keys.json, version {}, expires on {}, and there is no newer one; "
                              "then the list is no longer updated",
                              settings.name, newest.version, to_rfc3339(newest.expires)));
  }
  return fetched;
}

// The edition to use from now on; none if there was none and none could be fetched.
std::optional<Edition> Update::take(const ListSettings& settings, const Edition* installed,
                                    bool unconditional, ListReport& report) {
  FetchedKeyring keys = take_keyring(settings, installed, report);
  std::optional<Edition> kept = installed != nullptr ? std::optional(*installed) : std::nullopt;
  if (kept && (keys.newest || settings.root_keys.empty())) kept->keyring = keys.newest;
  const PreviousEdition before{.set = before_,
                               .installed = kept ? &*kept : nullptr,
                               .list_history = history_.find(settings.name),
                               .keyring = std::move(keys.newest)};
  auto fetched = keys.error ? Result<FetchedEdition>(std::unexpected(std::move(*keys.error)))
                            : fetch_edition(context_, state_, client_, settings, before,
                                            {.unconditional = unconditional, .force = options_.force});
  if (!fetched || !fetched->content) state_.discard_files(settings.name);
  if (!fetched) {
    refuse(settings, installed, fetched.error(), report);
    return kept;
  }
  history_.remember(settings.name, std::move(fetched->list_history));
  if (fetched->content) {
    report.result = "new";
    report.edition = fetched->edition;
    report.changes = changes(installed, fetched->content->list);
    read_.insert_or_assign(settings.name, std::move(fetched->content->list));
  }
  return std::move(fetched->edition);
}

void Update::refuse(const ListSettings& settings, const Edition* installed, const Error& error,
                    ListReport& report) {
  const bool passing = error.fault == Fault::temporary;
  report.result = passing ? "failed" : "refused";
  report.error = error.message;
  status_ = more_severe(status_, error.exit_status());
  const bool lasts = installed != nullptr && installed->expires > context_.now + min_remaining_validity;
  const std::string message =
      fmt::format("list {}: {}{}", settings.name, error.message,
                  installed == nullptr
                      ? ""
                      : fmt::format("; the installed edition of {} stays", to_rfc3339(installed->timestamp)));
  // A temporary failure while the list is still valid needs no attention.
  if (passing && lasts) {
    warn(context_, message);
  } else {
    print_error(program, message);
  }
}

ChangeCounts Update::changes(const Edition* installed, const preload::List& now) const {
  if (installed == nullptr) return {.added = now.size()};
  Context quiet = context_;
  quiet.quiet = true;
  const fs::path file = before_.list_file(*installed);
  const auto before = read_unverified(quiet, installed->name, {.list = file, .signature = {}, .shown = file});
  return before ? compare(before->list, now) : ChangeCounts{.added = now.size()};
}

// Reads the lists that stay, for the maps. They are verified again, since the files may have changed on disk.
void Update::read_kept_lists() {
  const auto scratch = state_.create_next_set();
  if (!scratch) {
    unchecked_ = scratch.error();
    return;
  }
  for (const InstalledList& list : installed_) {
    if (list.facts.unusable || read_.contains(list.facts.name)) continue;
    auto content = read_installed(context_, before_, list, *scratch);
    if (content) {
      read_.emplace(list.facts.name, std::move(*content));
      continue;
    }
    const auto verdict =
        verify_signed(context_, *list.settings, signers_of_installed(*list.settings, *list.edition),
                      installed_files(before_, *list.edition, *scratch));
    refetch(list, content.error(), !verdict && verdict.error().fault == Fault::data);
  }
  check_lists();
}

// `proven`: it is proven that no configured key signed the list.
void Update::refetch(const InstalledList& damaged, const Error& error, bool proven) {
  const std::string& name = damaged.facts.name;
  warn(context_, fmt::format("list {}: what is installed cannot be verified, and is fetched again: {}", name,
                             error.message));
  const auto report = std::ranges::find(report_.lists, name, &ListReport::name);
  const auto edition = std::ranges::find(after_.lists, name, &Edition::name);
  *edition = *take(*damaged.settings, before_.find(name), true, *report);
  if (read_.contains(name)) return;
  // A list is left out of the maps only if it is proven that no configured key signed it: else an attacker
  // who prevents the check would remove its policies.
  if (proven) {
    unverified_.emplace(name, Error{Fault::data, "what is installed cannot be verified"});
  } else {
    unchecked_ = error;
  }
}

Result<void> Update::complete_set() {
  TRY(state_.create_next_set());
  for (const Edition& edition : after_.lists) {
    if (edition.number == state_.next_number()) continue;
    TRY(state_.keep(before_, edition));
  }
  auto set = TRY(state_.complete_set(std::move(after_.lists)));
  after_ = std::move(set);
  return {};
}

void Update::check_lists() {
  installed_ = installed_lists(context_.configuration, after_, context_.now);
  for (InstalledList& list : installed_) {
    const auto found = unverified_.find(list.facts.name);
    if (found != unverified_.end() && !list.facts.unusable) list.facts.unusable = found->second;
  }
}

void Update::report_unusable() {
  for (const InstalledList& list : installed_) {
    if (!list.edition) continue;  // reported when it was fetched
    if (const int due = warn_unusable(list.facts); due != 0) {
      status_ = more_severe(status_, due);
    } else if (list.facts.expires <= context_.now + min_remaining_validity) {
      // The publisher may publish a newer edition in time, which the next run would find.
      status_ = more_severe(status_, static_cast<int>(Fault::temporary));
      print_warning(program, fmt::format("list {}: it expires on {}, and there is no newer one; then no "
                                         "policy is taken from it",
                                         list.facts.name, to_rfc3339(list.facts.expires)));
    }
  }
}

// If the map exists but no record says that an update made it (another program made it, or the state was
// lost), it stays until all lists are available.
bool Update::must_wait(const OutputSettings& output) const {
  const bool complete =
      std::ranges::all_of(installed_, [](const InstalledList& list) { return list.edition.has_value(); });
  std::error_code none;
  return !complete && !records_.was_published(output) && fs::exists(map_file(output), none);
}

std::vector<Update::Output> Update::due_outputs() const {
  std::vector<Output> outputs;
  if (before_.lists.empty() && after_.lists.empty()) return outputs;
  for (const OutputSettings& settings : context_.configuration.outputs) {
    std::string fingerprint = map_fingerprint(settings, installed_, context_.configuration.overrides,
                                              mta_sts_ ? listtool::fingerprint(*mta_sts_) : "");
    if (records_.is_current(settings, fingerprint) || must_wait(settings)) continue;
    outputs.push_back({.settings = &settings,
                       .fingerprint = std::move(fingerprint),
                       .command_is_due = !records_.was_published(settings)});
  }
  return outputs;
}

Result<std::vector<Update::Output>> Update::draft_outputs() {
  for (const OutputSettings& settings : context_.configuration.outputs) {
    if (after_.lists.empty() || !must_wait(settings)) continue;
    warn(context_, fmt::format("{}: stays as it is until every list is installed",
                               printable(map_file(settings).string())));
  }
  auto outputs = due_outputs();
  if (outputs.empty()) return outputs;
  // Without MTA-STS policies a new map would protect less than the old one. The old map stays until the cache
  // is repaired.
  if (!mta_sts_) {
    fail_outputs(outputs, mta_sts_.error());
    return outputs;
  }
  if (unchecked_) {
    fail_outputs(outputs, *unchecked_);
    return outputs;
  }
  auto sources = TRY(combine_sources(context_, installed_, std::move(read_), std::move(*mta_sts_)));
  for (Output& output : outputs) {
    const auto drafted = draft(output, sources);
    if (drafted) continue;
    // A disk that is full or fails affects all maps: nothing is changed. Any other error concerns only this
    // map, and the other maps are still made.
    if (drafted.error().fault == Fault::io) return std::unexpected(drafted.error());
    fail_output(output, drafted.error());
  }
  return outputs;
}

Result<void> Update::draft(Output& output, std::span<const Source> sources) const {
  auto draft = TRY(draft_map(*output.settings, sources, context_.configuration.programs));
  output.not_expressed = draft.not_expressed;
  const auto differs = TRY(draft.file.differs());
  if (!differs) return {};
  TRY(draft.file.finish());
  output.draft.emplace(std::move(draft.file));
  output.command_is_due = true;
  return {};
}

void Update::fail_outputs(std::vector<Output>& outputs, const Error& error) {
  for (Output& output : outputs) fail_output(output, error);
}

void Update::fail_output(Output& output, const Error& error) {
  output.draft.reset();
  output.failed = true;
  status_ = more_severe(status_, report_error(program, error));
}

// The last step whose failure stops the whole update.
Result<void> Update::switch_sets(std::span<const Output> outputs) {
  for (const Output& output : outputs) {
    if (!output.failed) records_.forget(*output.settings);
  }
  if (!outputs.empty()) {
    TRY(records_.save(context_.configuration.outputs));
  }
  // Saved before the switch: if the update is killed between the two, the next one fetches without conditions
  // and installs the same edition again.
  TRY(history_.save(context_.configuration.lists));
  return after_.folder == before_.folder ? Result<void>{} : state_.switch_to(after_);
}

// From here on, failures are reported, and the next update tries again.
void Update::publish(std::span<Output> outputs) {
  for (Output& output : outputs) {
    if (!output.draft) continue;
    if (const auto published = output.draft->commit(); !published) fail_output(output, published.error());
  }
  for (const Output& output : outputs) finish(output);
  report_unchanged(outputs);
  if (outputs.empty()) return;
  if (const auto saved = records_.save(context_.configuration.outputs); !saved) {
    status_ = more_severe(status_, report_error(program, saved.error()));
  }
}

// The maps that did not have to be made.
void Update::report_unchanged(std::span<const Output> outputs) const {
  if (!context_.verbose || after_.lists.empty()) return;
  for (const OutputSettings& settings : context_.configuration.outputs) {
    const bool was_due = std::ranges::find(outputs, &settings, &Output::settings) != outputs.end();
    if (was_due || must_wait(settings)) continue;
    print_info(program, printable(map_file(settings).string()) + ": unchanged");
  }
}

void Update::finish(const Output& output) {
  const std::string file = printable(map_file(*output.settings).string());
  OutputReport report{.file = file, .changed = output.draft.has_value(), .command = "none"};
  report.failed = output.failed;
  if (output.failed) return report_.outputs.push_back(std::move(report));
  if (context_.verbose) print_info(program, file + (report.changed ? ": written" : ": unchanged"));
  warn_not_expressed(context_, *output.settings->server, file, output.not_expressed);
  const bool has_command = !output.settings->command.empty();
  const bool ran = !has_command || !output.command_is_due || run_command(output, report);
  if (ran) records_.remember(*output.settings, output.fingerprint);
  report_.outputs.push_back(std::move(report));
}

// If a command fails, the next update runs it again.
bool Update::run_command(const Output& output, OutputReport& report) {
  const auto done =
      run_program({.argv = output.settings->command, .merge_stderr = true, .time_limit = command_limit});
  report.command = done && done->succeeded() ? "done" : "failed";
  if (done && done->succeeded()) return true;
  const Fault fault = done ? Fault::temporary : done.error().fault;
  const std::string why = done ? failure_text(output.settings->command.front(), *done) : done.error().message;
  print_error(program,
              fmt::format("{}: written, but its command failed and will run again: {}", report.file, why));
  status_ = more_severe(status_, static_cast<int>(fault));
  return false;
}

void Update::report_lists() {
  if (context_.json || context_.quiet) return;
  // The lists are installed even if printing fails.
  if (const auto printed = print(to_string(report_)); !printed) {
    status_ = more_severe(status_, report_error(program, printed.error()));
  }
}

}  // namespace starttls::listtool
