#include "listtool/outputs.h"

#include "base/atomic_file.h"
#include "base/file_stamp.h"
#include "base/version.h"
#include "config/settings.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string record_key(const OutputSettings& output) {
  return map_file(output).string();
}

}  // namespace

std::string file_stamp_text(const fs::path& file) {
  const auto stamp = file.empty() ? std::nullopt : file_stamp(file);
  if (!stamp) return "";
  return fmt::format("{} bytes, inode {}:{}, {}.{:09}", stamp->size, stamp->id.device, stamp->id.inode,
                     stamp->modified_seconds, stamp->modified_nanoseconds);
}

std::string map_fingerprint(const OutputSettings& output, std::span<const InstalledList> lists,
                            const fs::path& overrides, const std::string& mta_sts) {
  std::string text = "starttls-listtool ";
  text += version();
  for (const InstalledList& list : lists) {
    text += fmt::format("; {} from {}, {} {}, {}", list.facts.name, list.facts.path,
                        list.edition ? list.edition->number : 0, list.edition ? list.edition->signed_by : "",
                        list.facts.unusable ? list.facts.unusable->message : "usable");
    if (list.edition) text += fmt::format(" of {}", to_rfc3339(list.edition->timestamp));
    // Only gpgv can read the keys in it.
    if (list.settings != nullptr) text += file_stamp_text(list.settings->openpgp_key_file);
  }
  text += fmt::format("; MTA-STS {}; overrides {}", mta_sts, file_stamp_text(overrides));
  const auto& version = output.postfix_version;
  for (const NextHop& next_hop : output.next_hops) text += "; next-hop " + next_hop.str();
  return text + fmt::format("; {} {}{}{}", output.server->name, output.type,
                            output.early_adopter ? " early adopter" : "",
                            version ? fmt::format(" {}.{}", version->major, version->minor) : "");
}

OutputRecords OutputRecords::load(const fs::path& state_dir) {
  OutputRecords outputs(state_dir / "outputs.toml");
  auto settings = config::Settings::load(outputs.file_);
  if (!settings) return outputs;
  std::map<std::string, Record> records;
  const std::size_t count = settings->tables("output");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string at = fmt::format("output[{}].", i);
    std::string file;
    Record record;
    settings->string(at + "file", file);
    settings->string(at + "fingerprint", record.fingerprint);
    settings->string(at + "stamp", record.stamp);
    records.emplace(std::move(file), std::move(record));
  }
  if (settings->finish()) outputs.records_ = std::move(records);
  return outputs;
}

bool OutputRecords::was_published(const OutputSettings& output) const {
  return records_.contains(record_key(output));
}

bool OutputRecords::is_current(const OutputSettings& output, const std::string& fingerprint) const {
  const auto found = records_.find(record_key(output));
  return found != records_.end() && found->second.fingerprint == fingerprint &&
         found->second.stamp == file_stamp_text(map_file(output)) && !found->second.stamp.empty();
}

void OutputRecords::forget(const OutputSettings& output) {
  records_.erase(record_key(output));
}

void OutputRecords::remember(const OutputSettings& output, const std::string& fingerprint) {
  records_[record_key(output)] = {.fingerprint = fingerprint, .stamp = file_stamp_text(map_file(output))};
}

Result<void> OutputRecords::save(std::span<const OutputSettings> outputs) {
  std::string text = "# Made by starttls-listtool update.\n";
  for (const OutputSettings& output : outputs) {
    const auto found = records_.find(record_key(output));
    if (found == records_.end()) continue;
    text += fmt::format("\n[[output]]\nfile = {}\nfingerprint = {}\nstamp = {}\n",
                        config::toml_string(found->first), config::toml_string(found->second.fingerprint),
                        config::toml_string(found->second.stamp));
  }
  return replace_file(file_, text);
}

}  // namespace starttls::listtool
