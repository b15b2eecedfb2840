// starttls-listtool publish init: makes the publisher's directory and state.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <string>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "config/settings.h"
#include "keyring/list_name.h"
#include "listingdb/listing_db.h"
#include "listtool/commands.h"
#include "listtool/publish/layout.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_configuration_size = std::size_t{64} << 10U;

struct Values {
  std::string directory;  // "": as configured
  std::string name;
  std::string url;
  std::string author;
};

void declare(Options& options, Values& values) {
  const Option directory =
      options.argument("DIR", values.directory, "Make a directory with a listtool.toml of its own in it");
  options.option("--name", values.name, "NAME", "Name of the list").needs(directory);
  options.option("--url", values.url, "URL", "Where DIR/public will be served: https://lists.example.org/")
      .needs(directory);
  options.option("--author", values.author, "TEXT", "Who publishes the list").needs(directory);
}

std::string configuration_text(const Values& values) {
  return fmt::format(
      "# What this publisher's commands read: starttls-listtool publish run -c {2}/listtool.toml\n"
      "# All keys are described in listtool.toml(5).\n"
      "state_dir = \"lists\"\n"
      "\n"
      "[publish]\n"
      "name = {0}\n"
      "url = {1}\n"
      "author = {3}\n"
      "directory = \".\"\n"
      "secret_keys = [\"online.key\"]   # made by: minisign -G -W -s online.key -p online.pub\n"
      "#expires_days = 5\n"
      "#check_hours = 20\n"
      "#watch_days = 28\n"
      "#grace_days = 3\n"
      "#grace_checks = 3\n"
      "#max_change = 10                # percent of the entries that may leave or change at once\n"
      "#max_unknown = 20               # percent of the checks that may find out nothing\n"
      "#mail_from = \"postmaster@example.org\"  # tells owners whose domains begin to fail\n"
      "#mail = \"smtp://127.0.0.1:25\"    # takes this mail; or a program: \"sendmail\"\n"
      "#keep_editions = 30\n",
      config::toml_string(values.name), config::toml_string(values.url), printable(values.directory),
      config::toml_string(values.author));
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

// What is missing of it. The state comes last: where there is one, a process that was killed has left nothing undone.
Result<void> make(const Context& context, const PublishSettings& settings) {
  const Layout layout{settings.directory};
  TRY(check_owner(context, layout.directory));
  const bool has_state = is_there(layout.state());
  if (has_state && is_there(layout.keys()) && is_there(layout.editions()))
    return fail(Fault::usage, "{}: exists already", printable(layout.state().string()));
  TRY(Directory::make(layout.directory));
  TRY(Directory::make(layout.keys()));
  TRY(Directory::make(layout.editions()));
  if (has_state) {
    TRY(listingdb::ListingDb::open(layout.state(), settings.name));
  } else {
    TRY(listingdb::ListingDb::create(layout.state(), settings.name));
  }
  return print(
      fmt::format("made the list '{}' in {}\n", settings.name, printable(layout.directory.string())));
}

Result<void> make_as_in(const Context& context, const fs::path& file) {
  const Configuration configuration = TRY(read_configuration(file));
  return make(context, configuration.publish);
}

// One that a process which was killed has left is as these values make it.
Result<void> check_left(const Context& context, const fs::path& file, const Values& values) {
  if (TRY(read_file(file, max_configuration_size)) == configuration_text(values)) return {};
  Context own = context;
  own.config = file;
  return fail(Fault::usage, "{}: exists already, with other settings; '{}' makes what it names",
              printable(file.string()), command_line(own, "init"));
}

Result<void> make_directory(const Context& context, const Values& values) {
  const fs::path directory = fs::absolute(values.directory).lexically_normal();
  const fs::path file = directory / "listtool.toml";
  if (is_there(file)) {
    TRY(check_left(context, file, values));
    return make_as_in(context, file);
  }
  TRY(Directory::make(directory));
  TRY(replace_file(file, configuration_text(values)));
  auto made = make_as_in(context, file);
  if (!made) {
    std::error_code none;
    fs::remove(file, none);
  }
  return made;
}

Result<int> run(const Values& values, const Context& context) {
  if (values.directory.empty()) {
    const PublishSettings& settings = context.configuration.publish;
    if (settings.name.empty()) {
      return std::unexpected(
          context.configuration.error_at("publish.name", "is missing: give it, or DIR and --name"));
    }
    TRY(make(context, settings));
    return 0;
  }
  if (const auto named = keyring::check_list_name(values.name); !named)
    return fail(Fault::usage, "--name {}", named.error().message);
  TRY(make_directory(context, values));
  return 0;
}

}  // namespace

Command init_command() {
  return make_command({.name = "publish init",
                       .summary = "Make the directory of a list's publisher",
                       .example = "starttls-listtool publish init /srv/list --name sector --url "
                                  "https://lists.example.org/"},
                      declare, run, [](const Values& values) {
                        return values.directory.empty() ? command::DefaultConfig::required
                                                        : command::DefaultConfig::ignored;
                      });
}

}  // namespace starttls::listtool::publish
