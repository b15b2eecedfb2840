// starttls-listtool diff: what changes between two lists, or two states, for each domain.
//
// Both sides are read in parallel, in the order of the domains, and the text or the JSON is written at the
// same time. So a million changes need no more memory than the lists.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/changes.h"
#include "listtool/commands.h"
#include "listtool/signature_options.h"
#include "listtool/signers.h"
#include "listtool/sources.h"
#include "listtool/state.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

struct Values {
  fs::path before;  // a list, a state directory, or the directory of a set
  fs::path after;
  SignatureOptions signature;
};

void declare(Options& options, Values& values) {
  options.argument("OLD", values.before, "List file, state directory, or one set below it")
      .required()
      .check(command::names_file);
  options.argument("NEW", values.after, "List file, state directory, or one set below it")
      .required()
      .check(command::names_file);
  declare_signature(options, values.signature);
}

// One side of the comparison: a list in a file, or the lists of a state in their overlay order.
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

// A list on both sides. If it is on one side only, it was added or removed.
struct Pair {
  std::string called;  // "list NAME"
  const Source* before = nullptr;
  const Source* after = nullptr;
};

// The set in a directory, which is a set itself or a state directory.
Result<ListSet> set_in(const fs::path& directory) {
  std::error_code error;
  const fs::path set = fs::canonical(directory, error);  // a fixed path, since an update may change the link
  if (error) return cannot_read(directory.string(), error.value());
  if (fs::exists(set / "set.toml", error)) return read_set(set);
  if (!error && fs::exists(set / "sets", error)) return current_set(set);
  if (error) return cannot_read(directory.string(), error.value());
  return fail(Fault::data, "{}: is neither a list nor a state directory nor a set in one",
              printable(directory.string()));
}

Result<Source> read_edition(const Context& context, const ListSet& set, const Edition& edition,
                            std::span<const minisign::PublicKey> keys, minisign::Legacy legacy) {
  const fs::path file = set.list_file(edition);
  const ListFiles files{.list = file, .signature = set.signature_file(edition), .shown = file.string()};
  if (keys.empty()) {
    auto source = read_unverified(context, edition.name, files);
    if (source) source->facts.signed_by = edition.signed_by;
    return source;
  }
  if (edition.signature != ".minisig") {
    return fail(Fault::data, "{}: its signature is not one of minisign, which -P and -p are for",
                printable(file.string()));
  }
  return read_verified(context, edition.name, files, {.keys = {keys.begin(), keys.end()}}, legacy);
}

Result<std::vector<Source>> read_state(const Context& context, const fs::path& directory,
                                       const SignatureOptions& options) {
  if (!options.signatures.empty()) {
    return fail(Fault::usage, "{}: --signature is for files; the lists of a state have their own signatures",
                printable(directory.string()));
  }
  const auto set = TRY(set_in(directory));
  const auto keys = TRY(read_keys(options));
  const auto legacy = options.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
  std::vector<Source> sources;
  for (const Edition& edition : set.lists) {
    auto source = TRY(read_edition(context, set, edition, keys, legacy));
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<Side> read_side(const Context& context, const fs::path& path, const SignatureOptions& options) {
  std::error_code error;
  const bool is_directory = fs::is_directory(path, error);
  if (error) return cannot_read(path.string(), error.value());
  auto sources = TRY(is_directory ? read_state(context, path, options)
                                  : read_sources(context, std::span(&path, 1), options));
  for (const Source& source : sources) {
    if (!source.facts.unusable) continue;
    warn(context, fmt::format("{}: {}; it is compared all the same", printable(source.facts.path),
                              source.facts.unusable->message));
  }
  return Side{.path = path.string(), .is_file = !is_directory, .sources = std::move(sources)};
}

// Two files are editions of one list, whatever their names are. Otherwise lists of the same name are
// compared.
std::vector<Pair> pair_lists(const Side& before, const Side& after) {
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

// Prints what changed in the head of a list. The signer is printed only if it was checked on both sides.
void append_heads(const Pair& pair, BufferedWriter& out) {
  const std::string called = "# " + printable(pair.called);
  if (pair.before == nullptr || pair.after == nullptr) {
    if (const Source* const only = pair.before != nullptr ? pair.before : pair.after) {
      out.append(fmt::format("{}: {}; {}, of {}, expires {}\n", called,
                             pair.after == nullptr ? "removed" : "added",
                             counted(only->list.size(), "domain"), to_rfc3339(only->facts.timestamp),
                             to_rfc3339(only->facts.expires)));
    }
    return;
  }
  std::string lines;
  const auto line = [&](std::string_view what, const std::string& before, const std::string& after) {
    if (before != after) lines += fmt::format("#   {:<9}  {} -> {}\n", what, before, after);
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
  if (!lines.empty()) out.append(fmt::format("{}:\n{}", called, lines));
}

// The names of the lists that both sides have, in the overlay order of one side.
std::string list_order(const Side& side, const Side& other) {
  std::string names;
  for (const Source& source : side.sources) {
    if (other.find(source.facts.name) == nullptr) continue;
    names += (names.empty() ? "" : ", ") + printable(source.facts.name);
  }
  return names;
}

void append_heads(const Side& before, const Side& after, BufferedWriter& out) {
  for (const Pair& pair : pair_lists(before, after)) append_heads(pair, out);
  const std::string old_order = list_order(before, after);
  const std::string new_order = list_order(after, before);
  if (old_order != new_order) out.append(fmt::format("# order of lists: {} -> {}\n", old_order, new_order));
}

// " enforce mx1.example.com .example.net". Names in lists need no escaping.
void append_policy(const preload::Entry& entry, std::string& line) {
  line += ' ';
  line += preload::to_string(entry.mode);
  if (entry.joined_mxs.empty()) return;
  line += ' ';
  const std::size_t at = line.size();
  line += entry.joined_mxs;
  std::replace(line.begin() + static_cast<std::ptrdiff_t>(at), line.end(), ':', ' ');
}

ChangeCounts print_text(const Side& before, const Side& after, BufferedWriter& out) {
  append_heads(before, after, out);
  std::string line;
  return compare(before.lists(), after.lists(), [&](const auto& old_one, const auto& new_one) {
    line = old_one && new_one ? "~ " : new_one ? "+ " : "- ";
    line += (new_one ? new_one : old_one)->domain;
    append_policy(old_one ? *old_one : *new_one, line);
    if (old_one && new_one) {
      line += " ->";
      append_policy(*new_one, line);
    }
    line += '\n';
    out.append(line);
  });
}

void write_policy(const preload::Entry& entry, json::JsonText& json) {
  json.member("mode", preload::to_string(entry.mode));
  json.key("mx");
  json.begin_array();
  for (const auto mx : preload::split_mxs(entry.joined_mxs)) json.text(mx);
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
      write_policy(entry, json);
      json.end_object();
    }
  } else {
    write_policy(after ? *after : *before, json);
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

// Compares once for each kind of change, which costs less than to keep the changes in memory.
ChangeCounts print_json(const Side& before, const Side& after, BufferedWriter& out) {
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

// The options of one side, where they were given for both.
SignatureOptions side_options(const SignatureOptions& options, std::size_t side) {
  SignatureOptions own = options;
  if (!options.signatures.empty()) own.signatures = {options.signatures[side]};
  return own;
}

Result<int> run(const Values& values, const Context& context) {
  const std::size_t signatures = values.signature.signatures.size();
  if (signatures != 0 && signatures != 2) {
    return fail(Fault::usage, "2 lists but {}: give --signature for each list or for none",
                counted(signatures, "signature"));
  }
  const auto before = TRY(read_side(context, values.before, side_options(values.signature, 0)));
  const auto after = TRY(read_side(context, values.after, side_options(values.signature, 1)));
  BufferedWriter out(STDOUT_FILENO);
  const ChangeCounts counts = context.json ? print_json(before, after, out) : print_text(before, after, out);
  if (const int error = out.flush(); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  if (!context.quiet) {
    print_info(program,
               fmt::format("{} added, {} removed, {} changed", counts.added, counts.removed, counts.changed));
  }
  return counts.none() ? 0 : 1;
}

}  // namespace

Command diff_command() {
  return make_command(
      {.name = "diff",
       .summary = "Show the differences between two lists, domain by domain",
       .example = "starttls-listtool diff old.json new.json\n"
                  "  cd /var/lib/starttls-toolkit/lists && starttls-listtool diff previous current"},
      declare, run, [](const Values&) { return command::DefaultConfig::ignored; });
}

}  // namespace starttls::listtool
