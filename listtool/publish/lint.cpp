// starttls-listtool publish lint: whether the publisher's directory is in order, for a monitor or before going home.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "keyring/keyring.h"
#include "listtool/commands.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"
#include "listtool/signers.h"
#include "listtool/sources.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;

struct Values {};

void declare(Options&, Values&) {}

class Lint {
 public:
  explicit Lint(Publisher& publisher) : publisher_(publisher), now_(publisher.context().now) {}

  Result<std::vector<std::string>> run() {
    const KeyVersions keys = TRY(read_key_versions(publisher_.layout(), publisher_.settings().name));
    look_at_keys(keys);
    look_at_secret_keys();
    TRY(look_at_edition(keys));
    if (publisher_.settings().url.empty())
      add("publish.url is not set: the pages cannot say where the list is");
    return std::move(faults_);
  }

 private:
  void add(std::string fault) { faults_.push_back(std::move(fault)); }
  std::string command_line(std::string_view command) const {
    return publish::command_line(publisher_.context(), command);
  }

  void look_at_keys(const KeyVersions& keys) {
    if (keys.draft) {
      add(fmt::format("keys.json version {} waits for signatures: {}", keys.draft->keyring.version,
                      keys.draft->unsigned_because ? keys.draft->unsigned_because->message : ""));
    }
    for (std::string& duty : duties(publisher_.context(), keys)) add(std::move(duty));
  }

  void look_at_secret_keys() {
    const auto& files = publisher_.settings().secret_keys;
    if (files.empty()) add("publish.secret_keys names no key");
    for (const fs::path& file : files) {
      std::error_code error;
      const fs::perms perms = fs::status(file, error).permissions();
      if (error) {
        add(fmt::format("{}: {}", printable(file.string()), error.message()));
      } else if ((perms & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none) {
        add(fmt::format("{}: others than its owner may use it (chmod 600)", printable(file.string())));
      }
    }
  }

  Result<void> look_at_edition(const KeyVersions& keys) {
    const auto newest = TRY(publisher_.db().newest());
    if (!newest) {
      add("there is no edition yet");
      return {};
    }
    const Layout& layout = publisher_.layout();
    std::error_code none;
    if (!fs::equivalent(layout.visible(), layout.edition(newest->number), none)) {
      add(fmt::format("{} is not edition {}: '{}' sets it", printable(layout.visible().string()),
                      newest->number, command_line("run")));
    }
    const Time expires = expiry_of(publisher_.settings(), newest->time);
    if (expires - now_ < (expires - newest->time) / 2) {
      add(fmt::format("edition {} expires on {}: does '{}' run each day?", newest->number,
                      to_rfc3339(expires), command_line("run")));
    }
    if (const auto pinned = TRY(publisher_.db().pinned())) {
      add(fmt::format("each edition repeats edition {}: '{}' ends that", *pinned,
                      command_line("rollback --end")));
    }
    if (keys.newest() == nullptr) return {};
    const fs::path list = layout.edition(newest->number) / list_file(publisher_.settings());
    const auto source =
        read_verified(publisher_.context(), publisher_.settings().name,
                      {.list = list, .signature = default_signature(list), .shown = {}},
                      {.keys = keyring::valid_keys(keys.newest()->keyring, now_)}, minisign::Legacy::refuse);
    if (!source) {
      add(source.error().message);
    } else if (source->facts.digest != newest->hash) {
      add(fmt::format("{}: is not what was published", printable(list.string())));
    }
    return {};
  }

  Publisher& publisher_;
  Time now_;
  std::vector<std::string> faults_;
};

Result<int> run(const Values&, const Context& context) {
  Publisher publisher = TRY(Publisher::open_to_read(context));
  const std::vector<std::string> faults = TRY(Lint(publisher).run());
  if (context.json) {
    json::JsonText json;
    json.begin_object();
    json.member("list", publisher.settings().name);
    json.member("faults", faults);
    json.end_object();
    TRY(print(json.take()));
  } else {
    for (const std::string& fault : faults) TRY(print(fault + '\n'));
  }
  return faults.empty() ? 0 : 1;
}

}  // namespace

Command lint_command() {
  return make_command({.name = "publish lint",
                       .summary = "Check the publisher's directory for what needs attention",
                       .example = "starttls-listtool publish lint"},
                      declare, run);
}

}  // namespace starttls::listtool::publish
