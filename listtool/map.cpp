#include "listtool/map.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"
#include "table/cdb.h"
#include "table/lmdb.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// Writes each line of the map to a table.
template <class Writer>
void add_policies(Writer& table, const OutputSettings& output, std::span<const Source> sources) {
  output.server->for_each_key(output, sources,
                              [&](std::string_view key, std::string_view policy) { table.add(key, policy); });
}

std::unexpected<Error> cannot_write(const AtomicFile& draft, Fault fault, std::string_view reason) {
  return fail(fault, "{}: cannot write: {}", printable(draft.target().string()), reason);
}

Result<void> fill_cdb(AtomicFile& draft, const OutputSettings& output, std::span<const Source> sources) {
  table::CdbWriter table(draft.fd());
  add_policies(table, output, sources);
  if (const int error = table.finish(); error != 0)
    return cannot_write(draft, write_fault(error), errno_text(error));
  return {};
}

// The name of the draft in its private directory, where a library or program opens it by name.
constexpr const char* private_name = "map";
constexpr const char* made_name = "map.db";

Result<void> fill_lmdb(AtomicFile& draft, const OutputSettings& output, std::span<const Source> sources) {
  const auto directory = TRY(draft.move_to_private_directory(private_name));
  table::LmdbWriter table(path_below(directory, private_name));
  add_policies(table, output, sources);
  if (const int error = table.finish(); error != 0) {
    return cannot_write(draft, write_fault(error), table::lmdb_text(error));
  }
  return draft.replace_with(private_name);
}

Result<void> run_for(const AtomicFile& draft, const starttls::Command& command) {
  const auto done = TRY(run_program(command));
  if (done.succeeded()) return {};
  return cannot_write(draft, Fault::cannot_create, failure_text(command.argv.front(), done));
}

// The draft contains the map as a text. The program makes the file to be published from it, in the draft's
// private directory.
Result<void> compile(AtomicFile& draft, const OutputSettings& output, const Programs& programs) {
  const auto directory = TRY(draft.move_to_private_directory(private_name));
  const auto [argv, reads_text_from_stdin] = output.server->compiler(programs, output.type, private_name);
  starttls::Command command{.argv = argv, .directory_fd = directory};
  UniqueFd text;
  if (reads_text_from_stdin) {
    text = open_regular(directory, private_name, O_RDONLY | O_NOFOLLOW);
    if (!text) return cannot_write(draft, write_fault(errno), errno_text(errno));
    command.stdin_fd = text.get();
  }
  command.time_limit = std::chrono::minutes(10);
  TRY(run_for(draft, command));
  return draft.replace_with(made_name);
}

Result<void> fill(MapDraft& draft, const OutputSettings& output, std::span<const Source> sources,
                  const Programs& programs) {
  const MapFormat format = map_type(output).format;
  if (format == MapFormat::cdb) return fill_cdb(draft.file, output, sources);
  if (format == MapFormat::lmdb) return fill_lmdb(draft.file, output, sources);
  draft.not_expressed = output.server->write_text(output, sources, draft.file.writer());
  return format == MapFormat::text ? draft.file.flush() : compile(draft.file, output, programs);
}

}  // namespace

void warn_not_expressed(const Context& context, const MailServer& server, std::string_view map,
                        std::size_t domains) {
  if (domains == 0) return;
  warn(context, fmt::format("{}: domains NOT ENFORCED, because {} has no way to express their policies: {} "
                            "(the map as text names them in comments)",
                            map, server.title, domains));
}

Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs) {
  auto file = TRY(AtomicFile::create(map_file(output)));
  MapDraft draft{.file = std::move(file)};
  TRY(fill(draft, output, sources, programs));
  return draft;
}

}  // namespace starttls::listtool
