// starttls-listtool update: fetches, verifies and installs lists, and makes maps of them. See update_run.h.

#include <algorithm>
#include <random>
#include <thread>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/update_run.h"

namespace starttls::listtool {
namespace {

struct Values {
  UpdateOptions options;
  unsigned splay_seconds = 0;  // seconds; start after a random part of them
};

void declare(Options& options, Values& values) {
  options.arguments("LIST", values.options.lists, "Names of lists (default: all that are configured)");
  options.flag("--force", values.options.force,
               "Install a list even if it lost more entries than max_shrink allows");
  options
      .option("--splay", values.splay_seconds, "SECONDS",
              "Wait a random time of up to SECONDS first, at most 86400")
      .range(0U, 86'400U);
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
  // These files are used late. They are checked before anything is fetched.
  TRY(read_overrides(configuration));
  return {};
}

// Imports what older versions, which had no UpdateHistory, installed and wrote to files that all users can
// read.
Result<void> import_legacy_facts(const StateWriter& state, const ListSet& before, UpdateHistory& history,
                                 const Configuration& configuration) {
  for (const Edition& edition : before.lists) {
    if (history.find(edition.name) == nullptr) {
      history.remember(edition.name,
                       {.timestamp = edition.timestamp, .digest = {}, .origin = {}, .validators = {}});
    }
  }
  for (const LegacyFacts& legacy : before.legacy) {
    ListHistory list_history = *history.find(legacy.name);
    if (list_history.edition != 0) continue;
    auto origin = TRY(place_digest(legacy.origin));
    list_history.edition = legacy.number;
    list_history.origin = std::move(origin);
    list_history.validators = legacy.validators;
    history.remember(legacy.name, std::move(list_history));
  }
  TRY(history.save(configuration.lists));
  return state.redact_legacy_facts();
}

// Spreads the requests of all hosts over time.
void sleep_randomly(std::chrono::seconds splay) {
  if (splay.count() == 0) return;
  std::random_device random;
  std::uniform_int_distribution<std::int64_t> milliseconds(0, std::chrono::milliseconds(splay).count());
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
}

Result<int> run(const Values& values, const Context& given) {
  TRY(check(given.configuration, values.options));
  sleep_randomly(std::chrono::seconds(values.splay_seconds));
  Context context = given;
  context.now = context.clock();
  auto state = TRY(StateWriter::lock(context.configuration.state_dir));
  auto before = TRY(current_set(context.configuration.state_dir));
  auto history = TRY(UpdateHistory::load(context.configuration.state_dir));
  TRY(import_legacy_facts(state, before, history, context.configuration));
  Update update(context, values.options, state, std::move(before), std::move(history));
  const auto status = update.run();
  state.discard_set();
  if (status && context.json) {
    TRY(print(to_json(update.report())));
  }
  return status;
}

}  // namespace

Command update_command() {
  return make_command({.name = "update",
                       .summary = "Fetch, verify and install lists, and rebuild the maps",
                       .example = "starttls-listtool update --splay 7200\n"
                                  "  twice a day from cron, with the lists and maps of listtool.toml(5)"},
                      // An update uses only the configuration.
                      declare, run, [](const Values&) { return command::DefaultConfig::required; });
}

}  // namespace starttls::listtool
