#include "doctor/systemd.h"

#include <filesystem>
#include <ranges>

#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::doctor {
namespace {

constexpr std::chrono::seconds time_limit{10};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& each : std::views::split(text, ' ')) {
    if (const std::string_view word(each.begin(), each.end()); !word.empty()) found.emplace_back(word);
  }
  return found;
}

void set(Unit& unit, std::string_view name, std::string_view value) {
  if (name == "LoadState") unit.load = value;
  if (name == "ActiveState") unit.active = value;
  if (name == "UnitFileState") unit.enabled = value;
  if (name == "Result") unit.result = value;
  if (name == "ConditionResult") unit.condition = value;
  if (name == "Before") unit.before = words(value);
  if (name == "SupplementaryGroups") unit.supplementary_groups = words(value);
  // "127.0.0.1:8461 (Stream)", in a line for each.
  if (name == "Listen") unit.listen.emplace_back(value.substr(0, value.find(" (")));
}

}  // namespace

Units parse_units(std::string_view text) {
  Units units;
  Unit unit;
  std::string id;
  const auto finish = [&] {
    if (!id.empty()) units[id] = unit;
    unit = {};
    id.clear();
  };
  for (const auto& each : std::views::split(text, '\n')) {
    const std::string_view line(each.begin(), each.end());
    const std::size_t equals = line.find('=');
    if (line.empty()) finish();
    if (equals == std::string_view::npos) continue;
    if (line.substr(0, equals) == "Id") {
      id = line.substr(equals + 1);
    } else {
      set(unit, line.substr(0, equals), line.substr(equals + 1));
    }
  }
  finish();
  return units;
}

Result<Units> read_units(std::span<const std::string> names) {
  std::error_code error;
  // As sd_booted(3) finds out.
  if (!std::filesystem::is_directory("/run/systemd/system", error))
    return fail(Fault::unavailable, "this host does not run systemd");
  const std::string properties =
      "Id,LoadState,ActiveState,UnitFileState,Result,ConditionResult,Before,SupplementaryGroups,Listen";
  Command command{.argv = {"systemctl", "show", "--no-pager", "--property=" + properties, "--"},
                  .time_limit = time_limit};
  command.argv.insert(command.argv.end(), names.begin(), names.end());
  const Finished done = TRY(run_program(command));
  if (!done.succeeded()) return fail(Fault::unavailable, "{}", failure_text("systemctl", done));
  return parse_units(done.out);
}

const Unit* find_unit(const Units& units, std::string_view name) {
  const auto found = units.find(name);
  return found != units.end() && found->second.is_loaded() ? &found->second : nullptr;
}

}  // namespace starttls::doctor
