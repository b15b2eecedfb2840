#include "listtool/map.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/subprocess.h"
#include "base/text.h"
#include "listtool/options.h"
#include "listtool/postfix/map.h"
#include "listtool/sendmail/access.h"
#include "listtool/sendmail/map.h"
#include "table/cdb.h"
#include "table/lmdb.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// What the library or program puts behind the map's name.
std::string_view suffix_of(const OutputSettings& output) {
  if (is_text(output)) return "";
  if (output.type == "cdb") return ".cdb";
  if (output.type == "lmdb") return ".lmdb";
  return ".db";
}

postfix::Rules postfix_rules(const OutputSettings& output) {
  return {.version = output.postfix_version,
          .early_adopter = output.early_adopter,
          .next_hops = output.next_hops};
}

// Each line of the map, to a table.
template <class Writer>
void add_policies(Writer& table, const OutputSettings& output, std::span<const Source> sources) {
  postfix::each_line(sources, postfix_rules(output),
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

// How the draft is called in its private directory, where a library or program opens it by name.
constexpr const char* private_name = "map";
constexpr const char* made_name = "map.db";

Result<void> fill_lmdb(AtomicFile& draft, const OutputSettings& output, std::span<const Source> sources) {
  const auto directory = draft.move_to_private_directory(private_name);
  if (!directory) return std::unexpected(directory.error());
  table::LmdbWriter table(path_below(*directory, private_name));
  add_policies(table, output, sources);
  if (const int error = table.finish(); error != 0) {
    return cannot_write(draft, write_fault(error), table::lmdb_text(error));
  }
  return draft.replace_with(private_name);
}

Result<void> run_for(const AtomicFile& draft, const Command& command) {
  const auto done = run_program(command);
  if (!done) return std::unexpected(done.error());
  if (done->succeeded()) return {};
  return cannot_write(draft, Fault::cannot_create, failure_text(command.argv.front(), *done));
}

// The draft holds the map as a text; the program makes what is to be published of it, in the draft's private
// directory.
Result<void> compile(AtomicFile& draft, const OutputSettings& output, const Programs& programs) {
  const auto directory = draft.move_to_private_directory(private_name);
  if (!directory) return std::unexpected(directory.error());
  Command command{.argv = {}, .directory_fd = *directory};
  UniqueFd text;
  if (output.mta == Mta::postfix) {
    command.argv = {programs.postmap, output.type + ":" + private_name};
  } else {
    text = open_regular(*directory, private_name, O_RDONLY | O_NOFOLLOW);
    if (!text) return cannot_write(draft, write_fault(errno), errno_text(errno));
    command.argv = {programs.makemap, output.type, private_name};
    command.stdin_fd = text.get();
  }
  command.time_limit = std::chrono::minutes(10);
  if (auto done = run_for(draft, command); !done) return done;
  return draft.replace_with(made_name);
}

Result<void> fill(MapDraft& draft, const OutputSettings& output, std::span<const Source> sources,
                  const Programs& programs) {
  if (output.type == "cdb") return fill_cdb(draft.file, output, sources);
  if (output.type == "lmdb") return fill_lmdb(draft.file, output, sources);
  draft.not_expressed = write_text(output, sources, draft.file.writer());
  return is_text(output) ? draft.file.flush() : compile(draft.file, output, programs);
}

std::size_t write_sendmail(const OutputSettings& output, std::span<const Source> sources,
                           BufferedWriter& out) {
  const sendmail::Rules rules{.early_adopter = output.early_adopter};
  const bool access = output.type == "access";
  const auto find = [&](std::string_view domain) -> std::optional<preload::Entry> {
    const auto found = find_policy(sources, domain);
    return found ? std::optional(found->entry) : std::nullopt;
  };
  out.append(access ? sendmail::access_head(sources) : sendmail::head(sources, output.file));
  sendmail::Tally tally;
  std::string line;
  each_policy(sources, [&](const preload::Entry& entry, std::size_t) {
    line.clear();
    tally.count(access ? sendmail::append_access_line(line, entry, rules, find)
                       : sendmail::append_line(line, entry, rules));
    out.append(line);
  });
  out.append(sendmail::end(tally, rules));
  return tally.left_out;
}

}  // namespace

bool is_text(const OutputSettings& output) {
  return output.type == "texthash" || output.type == "text" || output.type == "access";
}

fs::path map_name(const OutputSettings& output) {
  std::string name = output.file.string();
  if (name.ends_with(suffix_of(output))) name.resize(name.size() - suffix_of(output).size());
  return name;
}

fs::path file_of(const OutputSettings& output) {
  return map_name(output).string() + std::string(suffix_of(output));
}

std::size_t write_text(const OutputSettings& output, std::span<const Source> sources, BufferedWriter& out) {
  if (output.mta == Mta::sendmail) return write_sendmail(output, sources, out);
  postfix::write_text_map(sources, postfix_rules(output), out);
  return 0;
}

void warn_not_expressed(const Common& common, std::string_view map, std::size_t domains) {
  if (domains == 0) return;
  warn(common, fmt::format("{}: domains NOT ENFORCED, because Sendmail cannot be told their policies: {} "
                           "(the map as text names them in comments)",
                           map, domains));
}

Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs) {
  auto file = AtomicFile::create(file_of(output));
  if (!file) return std::unexpected(file.error());
  MapDraft draft{.file = std::move(*file)};
  if (const auto filled = fill(draft, output, sources, programs); !filled) {
    return std::unexpected(filled.error());
  }
  return draft;
}

}  // namespace starttls::listtool
