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
  return {.version = output.postfix_version, .early_adopter = output.early_adopter};
}

// Each domain that Postfix is told about, to a table.
template <class Writer>
void add_policies(Writer& table, const OutputSettings& output, std::span<const Source> sources) {
  const postfix::Rules rules = postfix_rules(output);
  std::string policy;
  each_policy(sources, [&](const preload::Entry& entry, std::size_t) {
    policy.clear();
    if (postfix::append_policy(policy, entry, rules)) table.add(entry.domain, policy);
  });
}

std::unexpected<Error> cannot_write(const FileDraft& draft, Fault fault, std::string_view reason) {
  return fail(fault, "{}: cannot write: {}", printable(draft.place().string()), reason);
}

Result<void> fill_cdb(FileDraft& draft, const OutputSettings& output, std::span<const Source> sources) {
  table::CdbWriter table(draft.fd());
  add_policies(table, output, sources);
  if (const int error = table.finish(); error != 0)
    return cannot_write(draft, fault_for_writing(error), errno_text(error));
  return {};
}

Result<void> fill_lmdb(FileDraft& draft, const OutputSettings& output, std::span<const Source> sources) {
  table::LmdbWriter table(draft.path());
  add_policies(table, output, sources);
  if (const int error = table.finish(); error != 0) {
    return cannot_write(draft, fault_for_writing(error), table::lmdb_text(error));
  }
  return {};
}

Result<void> run_for(const FileDraft& draft, const Command& command) {
  const auto done = run_program(command);
  if (!done) return std::unexpected(done.error());
  if (done->succeeded()) return {};
  return cannot_write(draft, Fault::cannot_create, failure_of(command.argv.front(), *done));
}

// What a program that failed has made so far. Berkeley DB begins a file under a name of its own.
void clear_away(const fs::path& made) {
  ::unlink(made.c_str());
  ::unlink((made.parent_path() / ("__db." + made.filename().string())).c_str());
}

// The draft holds the map as a text; the program makes what is to be published of it, beside it.
Result<void> compile(FileDraft& draft, const OutputSettings& output, const Programs& programs) {
  if (const auto flushed = draft.flush(); !flushed) return flushed;
  const std::string source = draft.path().string();
  Command command;
  UniqueFd text;
  if (output.mta == Mta::postfix) {
    command.argv = {programs.postmap, output.type + ":" + source};
  } else {
    text = UniqueFd(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!text) return cannot_write(draft, fault_for_writing(errno), errno_text(errno));
    command = {.argv = {programs.makemap, output.type, source}, .stdin_fd = text.get()};
  }
  command.time_limit = std::chrono::minutes(10);
  auto done = run_for(draft, command);
  if (done) done = draft.adopt(source + ".db");
  if (!done) clear_away(source + ".db");
  return done;
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

void tell_not_expressed(const Common& common, std::string_view map, std::size_t domains) {
  if (domains == 0) return;
  warn(common, fmt::format("{}: domains NOT ENFORCED, because Sendmail cannot be told their policies: {} "
                           "(the map as text names them in comments)",
                           map, domains));
}

Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs) {
  auto file = FileDraft::beside(file_of(output));
  if (!file) return std::unexpected(file.error());
  MapDraft draft{.file = std::move(*file)};
  if (const auto filled = fill(draft, output, sources, programs); !filled) {
    return std::unexpected(filled.error());
  }
  return draft;
}

}  // namespace starttls::listtool
