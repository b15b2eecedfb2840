// starttls-listtool diff: what two lists, or two states, change, domain by domain.
//
// The text and the JSON go out while the two sides are walked through in step, so that a million changes take
// no more memory than the lists.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "json/json_text.h"
#include "listtool/changes.h"
#include "listtool/options.h"
#include "listtool/sources.h"
#include "listtool/state.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// What is compared: a list in a file, or the lists of a state in their overlay order.
struct Side {
  std::string path;
  bool is_file = false;
  std::vector<Source> sources;

  std::vector<const preload::List*> lists() const {
    std::vector<const preload::List*> lists;
    lists.reserve(sources.size());
    for (const Source& source : sources) lists.push_back(&source.list);
    return lists;
  }
  const Source* find(std::string_view name) const {
    const auto found = std::ranges::find(
        sources, name, [](const Source& source) -> std::string_view { return source.facts.name; });
    return found == sources.end() ? nullptr : &*found;
  }
};

// A list on both sides; where there is only one, it came or went.
struct Pair {
  std::string called;  // "list NAME"
  const Source* before = nullptr;
  const Source* after = nullptr;
};

// The set in a folder: the folder may be a set itself, or a state directory.
Result<Set> set_in(const fs::path& folder) {
  std::error_code error;
  const fs::path set = fs::canonical(folder, error);  // an update that turns a link does not disturb us
  if (error) return cannot_read(folder.string(), error.value());
  if (fs::exists(set / "set.toml", error)) return read_set(set);
  if (!error && fs::exists(set / "sets", error)) return current_set(set);
  if (error) return cannot_read(folder.string(), error.value());
  return fail(Fault::data, "{}: is neither a list nor a state directory nor a set in one",
              printable(folder.string()));
}

Result<Source> read_edition(const Common& common, const Set& set, const Edition& edition,
                            std::span<const minisign::PublicKey> keys, minisign::Legacy legacy) {
  const fs::path file = set.list_of(edition);
  const ListFiles files{.list = file, .signature = set.signature_of(edition), .shown = file.string()};
  if (keys.empty()) {
    auto source = read_unverified(common, edition.name, files);
    if (source) source->facts.signed_by = edition.signed_by;
    return source;
  }
  if (edition.signature != ".minisig") {
    return fail(Fault::data, "{}: its signature is not one of minisign, which -P and -p are for",
                printable(file.string()));
  }
  return read_verified(common, edition.name, files, keys, legacy);
}

Result<std::vector<Source>> read_state(const Common& common, const fs::path& folder,
                                       const SignatureOptions& options) {
  if (!options.signatures.empty()) {
    return fail(Fault::usage, "{}: --signature is for files; the lists of a state have their own signatures",
                printable(folder.string()));
  }
  const auto set = set_in(folder);
  if (!set) return std::unexpected(set.error());
  const auto keys = read_keys(options);
  if (!keys) return std::unexpected(keys.error());
  const auto legacy = options.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
  std::vector<Source> sources;
  for (const Edition& edition : set->lists) {
    auto source = read_edition(common, *set, edition, *keys, legacy);
    if (!source) return std::unexpected(source.error());
    sources.push_back(std::move(*source));
  }
  return sources;
}

Result<Side> read_side(const Common& common, const fs::path& path, const SignatureOptions& options) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error);
  if (error) return cannot_read(path.string(), error.value());
  auto sources =
      is_folder ? read_state(common, path, options) : read_sources(common, std::span(&path, 1), options);
  if (!sources) return std::unexpected(sources.error());
  for (const Source& source : *sources) {
    if (!source.facts.unusable) continue;
    warn(common, fmt::format("{}: {}; it is compared all the same", printable(source.facts.path),
                             source.facts.unusable->message));
  }
  return Side{.path = path.string(), .is_file = !is_folder, .sources = std::move(*sources)};
}

// Two files are editions of one list, whatever they are called. Else the name tells.
std::vector<Pair> pairs_of(const Side& before, const Side& after) {
  if (before.is_file && after.is_file) {
    return {{.called = "list", .before = &before.sources.front(), .after = &after.sources.front()}};
  }
  std::vector<Pair> pairs;
  const auto add = [&](const std::string& name) {
    pairs.push_back({.called = "list " + name, .before = before.find(name), .after = after.find(name)});
  };
  for (const Source& source : before.sources) add(source.facts.name);
  for (const Source& source : after.sources) {
    if (before.find(source.facts.name) == nullptr) add(source.facts.name);
  }
  return pairs;
}

// What changed in what a list says of itself. Who signed it is told only where that was checked on both
// sides.
void append_heads(const Pair& pair, BufferedWriter& out) {
  const std::string start = "# " + printable(pair.called) + ": ";
  if (pair.before == nullptr || pair.after == nullptr) {
    if (const Source* const only = pair.before != nullptr ? pair.before : pair.after) {
      out.append(fmt::format("{}{}, timestamp {}, expires {}, {}\n", start,
                             pair.after == nullptr ? "removed" : "added", to_rfc3339(only->facts.timestamp),
                             to_rfc3339(only->facts.expires), counted(only->list.size(), "domain")));
    }
    return;
  }
  const auto line = [&](std::string_view what, const std::string& before, const std::string& after) {
    if (before != after) out.append(fmt::format("{}{} {} -> {}\n", start, what, before, after));
  };
  const SourceFacts& before = pair.before->facts;
  const SourceFacts& after = pair.after->facts;
  line("timestamp", to_rfc3339(before.timestamp), to_rfc3339(after.timestamp));
  line("expires", to_rfc3339(before.expires), to_rfc3339(after.expires));
  line("author", "'" + printable(pair.before->list.author) + "'",
       "'" + printable(pair.after->list.author) + "'");
  if (before.signed_by && after.signed_by) {
    line("signed by", printable(*before.signed_by), printable(*after.signed_by));
  }
}

// The names of the lists that both sides have, as the one side has them laid over each other.
std::string order_of(const Side& side, const Side& other) {
  std::string names;
  for (const Source& source : side.sources) {
    if (other.find(source.facts.name) == nullptr) continue;
    names += (names.empty() ? "" : " ") + printable(source.facts.name);
  }
  return names;
}

void append_heads(const Side& before, const Side& after, BufferedWriter& out) {
  for (const Pair& pair : pairs_of(before, after)) append_heads(pair, out);
  const std::string old_order = order_of(before, after);
  const std::string new_order = order_of(after, before);
  if (old_order != new_order) out.append(fmt::format("# order {} -> {}\n", old_order, new_order));
}

// " enforce mx1.example.com .example.net": names of lists need no escaping.
void append_demand(const preload::Entry& entry, std::string& line) {
  line += ' ';
  line += preload::to_string(entry.mode);
  if (entry.joined_mxs.empty()) return;
  line += ' ';
  const std::size_t at = line.size();
  line += entry.joined_mxs;
  std::replace(line.begin() + static_cast<std::ptrdiff_t>(at), line.end(), ':', ' ');
}

ChangeCounts write_text(const Side& before, const Side& after, BufferedWriter& out) {
  append_heads(before, after, out);
  std::string line;
  return compare(before.lists(), after.lists(), [&](const auto& old_one, const auto& new_one) {
    line = old_one && new_one ? "~ " : new_one ? "+ " : "- ";
    line += (new_one ? new_one : old_one)->domain;
    append_demand(old_one ? *old_one : *new_one, line);
    if (old_one && new_one) {
      line += " ->";
      append_demand(*new_one, line);
    }
    line += '\n';
    out.append(line);
  });
}

void write_demand(const preload::Entry& entry, json::JsonText& json) {
  json.member("mode", preload::to_string(entry.mode));
  json.key("mx");
  json.begin_array();
  if (!entry.joined_mxs.empty()) {
    for (const auto mx : preload::split_mxs(entry)) json.text(mx);
  }
  json.end_array();
}

void write_change(const std::optional<preload::Entry>& before, const std::optional<preload::Entry>& after,
                  json::JsonText& json) {
  json.begin_object();
  json.member("domain", (after ? after : before)->domain);
  if (before && after) {
    for (const auto& [key, entry] : {std::pair{"old", *before}, std::pair{"new", *after}}) {
      json.key(key);
      json.begin_object();
      write_demand(entry, json);
      json.end_object();
    }
  } else {
    write_demand(after ? *after : *before, json);
  }
  json.end_object();
}

void write_side(const Side& side, json::JsonText& json) {
  json.begin_object();
  json.member("path", side.path);
  json.key("lists");
  json.begin_array();
  for (const Source& source : side.sources) {
    json.begin_object();
    json.member("name", source.facts.name);
    json.member("timestamp", to_rfc3339(source.facts.timestamp));
    json.member("expires", to_rfc3339(source.facts.expires));
    json.member("author", source.list.author);
    json.key("signed_by");
    source.facts.signed_by ? json.text(*source.facts.signed_by) : json.null();
    json.member("domains", source.list.size());
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

// One walk for each kind of change, which comes cheaper than to keep them.
ChangeCounts write_json(const Side& before, const Side& after, BufferedWriter& out) {
  json::JsonText json;
  json.begin_object();
  json.key("old");
  write_side(before, json);
  json.key("new");
  write_side(after, json);
  ChangeCounts counts;
  using Kind = std::pair<bool, bool>;  // whether the old and the new side have it
  for (const auto& [name, kind] :
       {std::pair{"added", Kind{false, true}}, std::pair{"removed", Kind{true, false}},
        std::pair{"changed", Kind{true, true}}}) {
    json.key(name);
    json.begin_array();
    counts = compare(before.lists(), after.lists(), [&](const auto& old_one, const auto& new_one) {
      if (Kind{old_one.has_value(), new_one.has_value()} != kind) return;
      write_change(old_one, new_one, json);
      out.append(json.take_part());
    });
    json.end_array();
  }
  json.end_object();
  out.append(json.take());
  return counts;
}

// Of several options what concerns one of the two sides.
SignatureOptions options_of(const SignatureOptions& options, std::size_t side) {
  SignatureOptions own = options;
  if (!options.signatures.empty()) own.signatures = {options.signatures[side]};
  return own;
}

}  // namespace

Result<int> diff(const Common& common, const DiffOptions& options) {
  const std::size_t signatures = options.signature.signatures.size();
  if (signatures != 0 && signatures != 2) {
    return fail(Fault::usage, "2 lists but {}: give --signature for each list or for none",
                counted(signatures, "signature"));
  }
  const auto before = read_side(common, options.before, options_of(options.signature, 0));
  if (!before) return std::unexpected(before.error());
  const auto after = read_side(common, options.after, options_of(options.signature, 1));
  if (!after) return std::unexpected(after.error());
  BufferedWriter out(STDOUT_FILENO);
  const ChangeCounts counts =
      common.json ? write_json(*before, *after, out) : write_text(*before, *after, out);
  if (const int error = out.flush(); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  if (!common.quiet) {
    print_info(program,
               fmt::format("{} added, {} removed, {} changed", counts.added, counts.removed, counts.changed));
  }
  return counts.none() ? 0 : 1;
}

}  // namespace starttls::listtool
