// starttls-listtool generate: makes a map of lists, but only if all of them can be trusted. An expired list
// is left out of the map, so that no mail waits because of a policy that has ended.

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/commands.h"
#include "listtool/installed_lists.h"
#include "listtool/map.h"
#include "listtool/mta_sts_source.h"
#include "listtool/signature_options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

struct Values {
  std::vector<std::filesystem::path> lists;  // empty: the installed ones
  SignatureOptions signature;
  OutputSettings map;  // its file is empty for standard output
};

Result<void> set_version(OutputSettings& map, const std::string& text) {
  if (text.empty()) return fail(Fault::usage, "its value is empty");
  map.postfix_version = TRY(postfix::parse_version(text));
  return {};
}

Result<void> add_next_hop(OutputSettings& map, const std::string& text) {
  map.next_hops.push_back(TRY(NextHop::parse(trim(text))));
  return {};
}

void declare(Options& options, Values& values, const MailServer& server) {
  OutputSettings& map = values.map;
  map.server = &server;
  map.type = server.map_types.front().name;
  options.option("-o", map.file, "PATH", "The map (default: standard output)").check(command::names_file);
  options.option("--type", map.type, "T", server.type_help).choices(map_type_names(server));
  declare_lists(options, values.lists, values.signature);
  options.flag("--early-adopter", map.early_adopter, "Treat mode testing as enforce");
  if (server.has_versions) {
    options
        .parsed(
            "--postfix-version", [&map](const std::string& text) { return set_version(map, text); }, "V",
            "The Postfix that reads it, as 'postconf -h mail_version' says")
        .once();
  }
  if (server.has_next_hops) {
    options.parsed(
        "--next-hop", [&map](const std::string& text) { return add_next_hop(map, text); }, "HOP",
        "A smart host as relayhost or a transport map has it, such as '[smtp.example.net]:587'");
  }
}

void to_json(json::JsonText& json, const SourceFacts& list, std::size_t domains, Time now) {
  const auto text_or_null = [&](std::string_view key, bool known, const std::string& text) {
    json.key(key);
    known ? json.text(text) : json.null();
  };
  json.begin_object();
  json.member("name", list.name);
  json.member("file", list.path);
  text_or_null("timestamp", is_installed(list), to_rfc3339(list.timestamp));
  text_or_null("expires", is_installed(list), to_rfc3339(list.expires));
  json.member("domains", domains);
  json.member("verified", list.signed_by.has_value());
  json.member("expired", is_installed(list) && list.expires <= now);
  text_or_null("unusable", list.unusable.has_value(), list.unusable ? list.unusable->message : "");
  json.end_object();
}

std::string to_json(const Values& values, const std::vector<Source>& sources, bool changed, Time now) {
  json::JsonText json;
  json.begin_object();
  json.member("output", map_file(values.map).string());
  json.member("changed", changed);
  json.key("lists");
  json.begin_array();
  for (const Source& source : sources) {
    const bool is_list = source.facts.kind == SourceFacts::Kind::list;
    if (is_list) to_json(json, source.facts, source.list.size(), now);
  }
  json.end_array();
  json.end_object();
  return json.take();
}

// All files that are read, also the signatures if they are not checked.
std::vector<std::filesystem::path> inputs(const Values& values) {
  std::vector<std::filesystem::path> inputs = values.lists;
  for (const auto& list : values.lists) inputs.push_back(default_signature(list));
  std::ranges::copy(values.signature.signatures, std::back_inserter(inputs));
  std::ranges::copy(values.signature.key_files, std::back_inserter(inputs));
  return inputs;
}

Result<void> refuse_overwriting_inputs(const Values& values) {
  const auto output = map_file(values.map);
  for (const auto& input : inputs(values)) {
    // Compares device and inode, since links may lead to the same file. A missing file is no input.
    if (std::error_code none; std::filesystem::equivalent(output, input, none)) {
      return fail(Fault::usage, "-o {}: would replace {}, which is read", printable(output.string()),
                  printable(input.string()));
    }
  }
  return {};
}

Result<void> check(const Context& context, const Values& values) {
  if (!values.map.file.empty()) return refuse_overwriting_inputs(values);
  if (context.json) return fail(Fault::usage, "--json needs -o: without it standard output carries the map");
  if (!is_text(values.map)) {
    return fail(Fault::usage, "--type {} needs -o: it is no text", values.map.type);
  }
  return {};
}

Result<int> to_stdout(const Context& context, const Values& values, const std::vector<Source>& sources) {
  BufferedWriter out(STDOUT_FILENO);
  warn_not_expressed(context, *values.map.server, "standard output",
                     values.map.server->write_text(values.map, sources, out));
  if (const int error = out.flush(); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  return warn_unusable(sources);
}

// Prints for a compiled map what a text map has in its head.
void print_instructions(const OutputSettings& map) {
  if (map.server->instructions == nullptr || is_text(map)) return;
  std::error_code none;
  const auto name = std::filesystem::absolute(map_name(map), none).lexically_normal();
  print_info(program, map.server->instructions(name));
}

// The overrides apply to installed lists, not to lists that are given on the command line.
Result<std::vector<Source>> given_sources(const Context& context, const Values& values) {
  auto sources = TRY(read_sources(context, values.lists, values.signature));
  auto mta_sts = TRY(read_mta_sts_source(context.configuration, context.now));
  if (mta_sts) sources.push_back(std::move(*mta_sts));
  return sources;
}

Result<int> run(const Values& values, const Context& context) {
  TRY(check(context, values));
  const auto sources =
      TRY(values.lists.empty() ? installed_sources(context) : given_sources(context, values));
  if (values.map.file.empty()) return to_stdout(context, values, sources);
  auto draft = TRY(draft_map(values.map, sources, context.configuration.programs));
  // An unchanged file keeps its time, so that programs that watch it do nothing.
  const auto changed = TRY(draft.file.commit_if_changed());
  warn_not_expressed(context, *values.map.server, printable(draft.file.target().string()),
                     draft.not_expressed);
  if (context.verbose) {
    print_info(program, printable(draft.file.target().string()) + (changed ? ": written" : ": unchanged"));
    print_instructions(values.map);
  }
  if (context.json) TRY(print(to_json(values, sources, changed, context.now)));
  return warn_unusable(sources);
}

command::DefaultConfig default_config(const Values& values) {
  return values.lists.empty() ? command::DefaultConfig::optional : command::DefaultConfig::ignored;
}

}  // namespace

Command generate_command(const MailServer& server) {
  return make_command(
      {.name = "generate " + server.name,
       .summary = server.generate_summary,
       .example = server.generate_example},
      [&server](Options& options, Values& values) { declare(options, values, server); }, run, default_config);
}

}  // namespace starttls::listtool
