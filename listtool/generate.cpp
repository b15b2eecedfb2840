// starttls-listtool generate postfix: a map out of lists, or, where one of them is not to be trusted,
// nothing. An expired list is left out of the map, so that nobody's mail waits for a promise that has ended.

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/cli.h"
#include "base/file_draft.h"
#include "base/text.h"
#include "listtool/json.h"
#include "listtool/options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

std::string as_json(const GenerateOptions& options, const std::vector<Source>& sources, bool changed) {
  JsonText json;
  json.begin_object();
  json.member("output", options.output.string());
  json.member("changed", changed);
  json.key("lists");
  json.begin_array();
  for (const Source& source : sources) {
    json.begin_object();
    json.member("name", source.name);
    json.member("file", source.path);
    json.member("timestamp", to_rfc3339(source.list.timestamp));
    json.member("expires", to_rfc3339(source.list.expires));
    json.member("domains", source.list.size());
    json.member("verified", source.verified.has_value());
    json.member("expired", source.expired.has_value());
    json.end_object();
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

Result<void> spare_inputs(const GenerateOptions& options) {
  for (const auto& input : inputs_of(options)) {
    // By device and inode, whatever links lead there. What is not there is no input.
    if (std::error_code none; std::filesystem::equivalent(options.output, input, none)) {
      return fail(Fault::usage, "-o {}: would replace {}, which is read", printable(options.output.string()),
                  printable(input.string()));
    }
  }
  return {};
}

}  // namespace

Result<int> generate_postfix(const Common& common, const GenerateOptions& options) {
  if (common.json && options.output.empty()) {
    return fail(Fault::usage, "--json needs -o: without it standard output carries the map");
  }
  if (const auto spared = spare_inputs(options); !spared) return std::unexpected(spared.error());
  const auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return std::unexpected(sources.error());
  if (options.output.empty()) {
    BufferedWriter out(STDOUT_FILENO);
    postfix::write_text_map(*sources, options.rules, out);
    if (const int error = out.flush(); error != 0) {
      return fail(Fault::io, "standard output: {}", errno_text(error));
    }
    return tell_expired(*sources);
  }
  auto draft = FileDraft::beside(options.output);
  if (!draft) return std::unexpected(draft.error());
  postfix::write_text_map(*sources, options.rules, draft->writer());
  // An unchanged file keeps its time: whoever watches it has nothing to do.
  const auto differs = draft->differs();
  if (!differs) return std::unexpected(differs.error());
  const bool changed = *differs;
  if (changed) {
    if (const auto finished = draft->finish(); !finished) return std::unexpected(finished.error());
    if (const auto published = draft->publish(); !published) return std::unexpected(published.error());
  }
  if (common.verbose) {
    tell(program, printable(options.output.string()) + (changed ? ": written" : ": unchanged"));
  }
  if (common.json) {
    const auto printed = print(as_json(options, *sources, changed));
    if (!printed) return std::unexpected(printed.error());
  }
  return tell_expired(*sources);
}

}  // namespace starttls::listtool
