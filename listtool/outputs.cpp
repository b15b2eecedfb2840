#include "listtool/outputs.h"

#include <sys/stat.h>

#include "base/atomic_file.h"
#include "config/settings.h"
#include "listtool/map.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string key_of(const OutputSettings& output) {
  return file_of(output).string();
}

}  // namespace

std::string identity_of(const fs::path& file) {
  struct stat info{};
  if (file.empty() || ::stat(file.c_str(), &info) != 0) return "";
  return fmt::format("{} bytes, inode {}:{}, {}.{:09}", info.st_size, info.st_dev, info.st_ino,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

std::string made_of(const OutputSettings& output, std::span<const InstalledList> lists,
                    const fs::path& overrides, const std::string& mta_sts) {
  std::string text = "starttls-listtool " STARTTLS_VERSION;
  for (const InstalledList& list : lists) {
    text += fmt::format("; {} from {}, {} {}, {}", list.facts.name, list.facts.path,
                        list.edition ? list.edition->number : 0, list.edition ? list.edition->signed_by : "",
                        list.facts.unusable ? list.facts.unusable->message : "usable");
    if (list.edition) text += fmt::format(" of {}", to_rfc3339(list.edition->timestamp));
    // Which keys are in it only gpgv knows.
    if (list.settings != nullptr) text += identity_of(list.settings->openpgp_key_file);
  }
  text += fmt::format("; MTA-STS {}; overrides {}", mta_sts, identity_of(overrides));
  const auto& version = output.postfix_version;
  for (const NextHop& next_hop : output.next_hops) text += "; next-hop " + next_hop.str();
  return text + fmt::format("; {} {}{}{}", output.mta == Mta::postfix ? "postfix" : "sendmail", output.type,
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
    settings->string(at + "made_of", record.made_of);
    settings->string(at + "identity", record.identity);
    records.emplace(std::move(file), std::move(record));
  }
  if (settings->finish()) outputs.records_ = std::move(records);
  return outputs;
}

bool OutputRecords::is_known(const OutputSettings& output) const {
  return records_.contains(key_of(output));
}

bool OutputRecords::is_current(const OutputSettings& output, const std::string& made_of) const {
  const auto found = records_.find(key_of(output));
  return found != records_.end() && found->second.made_of == made_of &&
         found->second.identity == identity_of(file_of(output)) && !found->second.identity.empty();
}

void OutputRecords::forget(const OutputSettings& output) {
  records_.erase(key_of(output));
}

void OutputRecords::remember(const OutputSettings& output, const std::string& made_of) {
  records_[key_of(output)] = {.made_of = made_of, .identity = identity_of(file_of(output))};
}

Result<void> OutputRecords::save(std::span<const OutputSettings> outputs) {
  std::string text = "# Made by starttls-listtool update.\n";
  for (const OutputSettings& output : outputs) {
    const auto found = records_.find(key_of(output));
    if (found == records_.end()) continue;
    text += fmt::format("\n[[output]]\nfile = {}\nmade_of = {}\nidentity = {}\n",
                        config::toml_string(found->first), config::toml_string(found->second.made_of),
                        config::toml_string(found->second.identity));
  }
  return replace_file(file_, text);
}

}  // namespace starttls::listtool
