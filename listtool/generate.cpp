// starttls-listtool generate: a map out of lists, or, where one of them is not to be trusted, nothing. An
// expired list is left out of the map, so that nobody's mail waits for a promise that has ended.

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "json/json_text.h"
#include "listtool/installed_lists.h"
#include "listtool/map.h"
#include "listtool/mta_sts_source.h"
#include "listtool/options.h"
#include "listtool/sendmail/mc.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

void write(json::JsonText& json, const SourceFacts& list, std::size_t domains, Time now) {
  const auto text_or_null = [&](std::string_view key, bool known, const std::string& text) {
    json.key(key);
    known ? json.text(text) : json.null();
  };
  json.begin_object();
  json.member("name", list.name);
  json.member("file", list.path);
  text_or_null("timestamp", is_there(list), to_rfc3339(list.timestamp));
  text_or_null("expires", is_there(list), to_rfc3339(list.expires));
  json.member("domains", domains);
  json.member("verified", list.signed_by.has_value());
  json.member("expired", is_there(list) && list.expires <= now);
  text_or_null("unusable", list.unusable.has_value(), list.unusable ? list.unusable->message : "");
  json.end_object();
}

std::string as_json(const GenerateOptions& options, const std::vector<Source>& sources, bool changed,
                    Time now) {
  json::JsonText json;
  json.begin_object();
  json.member("output", file_of(options.map).string());
  json.member("changed", changed);
  json.key("lists");
  json.begin_array();
  for (const Source& source : sources) {
    const bool is_list = source.facts.kind == SourceFacts::Kind::list;
    if (is_list) write(json, source.facts, source.list.size(), now);
  }
  json.end_array();
  json.end_object();
  return json.take();
}

// Everything that is read, whether the signatures are or not.
std::vector<std::filesystem::path> inputs_of(const GenerateOptions& options) {
  std::vector<std::filesystem::path> inputs = options.lists;
  for (const auto& list : options.lists) inputs.push_back(default_signature(list));
  std::ranges::copy(options.signature.signatures, std::back_inserter(inputs));
  std::ranges::copy(options.signature.key_files, std::back_inserter(inputs));
  return inputs;
}

Result<void> refuse_overwriting_inputs(const GenerateOptions& options) {
  const auto output = file_of(options.map);
  for (const auto& input : inputs_of(options)) {
    // By device and inode, whatever links lead there. What is not there is no input.
    if (std::error_code none; std::filesystem::equivalent(output, input, none)) {
      return fail(Fault::usage, "-o {}: would replace {}, which is read", printable(output.string()),
                  printable(input.string()));
    }
  }
  return {};
}

Result<void> check(const Common& common, const GenerateOptions& options) {
  if (!options.map.file.empty()) return refuse_overwriting_inputs(options);
  if (common.json) return fail(Fault::usage, "--json needs -o: without it standard output carries the map");
  if (!is_text(options.map)) {
    return fail(Fault::usage, "--type {} needs -o: it is no text", options.map.type);
  }
  return {};
}

Result<int> to_stdout(const Common& common, const GenerateOptions& options,
                      const std::vector<Source>& sources) {
  BufferedWriter out(STDOUT_FILENO);
  warn_not_expressed(common, "standard output", write_text(options.map, sources, out));
  if (const int error = out.flush(); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  return warn_unusable(sources);
}

// What a text says at its head, a compiled map must say here.
void tell_mc_lines(const OutputSettings& map) {
  if (map.mta != Mta::sendmail || is_text(map)) return;
  std::error_code none;
  const auto name = std::filesystem::absolute(map_name(map), none).lexically_normal();
  const auto lines = sendmail::mc_lines(name, sendmail::MapType::hash);
  print_info(program, lines ? fmt::format("in the .mc file:\n{}{}", *lines, sendmail::needs_cas)
                            : lines.error().message);
}

// The overrides are those of what is installed, and not of lists that somebody brings along.
Result<std::vector<Source>> given_sources(const Common& common, const GenerateOptions& options) {
  auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return sources;
  auto mta_sts = read_mta_sts_source(common.configuration, common.now);
  if (!mta_sts) return std::unexpected(mta_sts.error());
  if (*mta_sts) sources->push_back(std::move(**mta_sts));
  return sources;
}

}  // namespace

Result<int> generate(const Common& common, const GenerateOptions& options) {
  if (const auto sound = check(common, options); !sound) return std::unexpected(sound.error());
  const auto sources = options.lists.empty() ? installed_sources(common) : given_sources(common, options);
  if (!sources) return std::unexpected(sources.error());
  if (options.map.file.empty()) return to_stdout(common, options, *sources);
  auto draft = draft_map(options.map, *sources, common.configuration.programs);
  if (!draft) return std::unexpected(draft.error());
  // An unchanged file keeps its time: whoever watches it has nothing to do.
  const auto changed = draft->file.commit_if_changed();
  if (!changed) return std::unexpected(changed.error());
  warn_not_expressed(common, printable(draft->file.target().string()), draft->not_expressed);
  if (common.verbose) {
    print_info(program, printable(draft->file.target().string()) + (*changed ? ": written" : ": unchanged"));
    tell_mc_lines(options.map);
  }
  if (common.json) {
    const auto printed = print(as_json(options, *sources, *changed, common.now));
    if (!printed) return std::unexpected(printed.error());
  }
  return warn_unusable(*sources);
}

}  // namespace starttls::listtool
