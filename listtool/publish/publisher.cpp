#include "listtool/publish/publisher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "doctor/host.h"

namespace starttls::listtool::publish {
namespace {

// One word of a shell.
std::string quoted(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  if (text.find_first_not_of(plain) == text.npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

Result<Layout> find_layout(const Context& context) {
  const PublishSettings& settings = context.configuration.publish;
  if (settings.name.empty()) {
    return std::unexpected(
        context.configuration.error_at("publish.name", "is missing: which list is published?"));
  }
  Layout layout{settings.directory};
  if (std::error_code none; !std::filesystem::exists(layout.state(), none)) {
    return fail(Fault::unavailable, "{}: there is none; '{}' makes it", printable(layout.state().string()),
                command_line(context, "init"));
  }
  return layout;
}

Result<UniqueFd> take_lock(const Context& context, const Layout& layout) {
  TRY(check_owner(context, layout.directory));
  const std::filesystem::path path = layout.lock();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) {
    return fail(errno == EACCES ? Fault::permission : Fault::cannot_create, "{}: {}",
                printable(path.string()), errno_text(errno));
  }
  TRY(lock(fd, path, "another 'publish' is running"));
  return fd;
}

}  // namespace

std::string command_line(const Context& context, std::string_view command) {
  const std::string file =
      context.config.empty() ? "" : fmt::format(" -c {}", quoted(printable(context.config.string())));
  return fmt::format("{}{} publish {}", program, file, command);
}

std::unexpected<Error> unknown_domain(const Context& context, const DomainName& domain) {
  return fail(Fault::usage, "{} is not known: '{}' adds it", domain.str(),
              command_line(context, "add " + domain.str()));
}

Result<void> check_owner(const Context& context, const std::filesystem::path& directory) {
  struct stat info{};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &info) != 0 || info.st_uid == 0) return {};
  const std::string user = doctor::user_name(info.st_uid);
  return fail(Fault::permission, "{}: belongs to {}, so this user must run it: runuser -u {} -- {}",
              printable(directory.string()), user, user, command_line(context, "..."));
}

Result<Publisher> Publisher::open(const Context& context) {
  Layout layout = TRY(find_layout(context));
  UniqueFd lock = TRY(take_lock(context, layout));
  auto db = TRY(listingdb::ListingDb::open(layout.state(), context.configuration.publish.name));
  return Publisher(context, std::move(layout), std::move(lock), {}, std::move(db));
}

Result<Publisher> Publisher::open_rehearsal(const Context& context) {
  namespace fs = std::filesystem;
  Layout layout = TRY(find_layout(context));
  UniqueFd lock = TRY(take_lock(context, layout));
  // What a killed process has left in it is rolled back first.
  TRY(listingdb::ListingDb::open(layout.state(), context.configuration.publish.name));
  const fs::path file = layout.copy_of_state();
  std::error_code error;
  fs::copy_file(layout.state(), file, fs::copy_options::overwrite_existing, error);
  if (error) return fail(Fault::cannot_create, "{}: {}", printable(file.string()), error.message());
  RemovedFile copy(new fs::path(file));
  auto db = TRY(listingdb::ListingDb::open(file, context.configuration.publish.name));
  return Publisher(context, std::move(layout), std::move(lock), std::move(copy), std::move(db));
}

void Publisher::RemoveFile::operator()(const std::filesystem::path* path) const {
  std::error_code none;
  std::filesystem::remove(*path, none);
  delete path;
}

Result<Publisher> Publisher::open_to_read(const Context& context) {
  Layout layout = TRY(find_layout(context));
  auto db = TRY(listingdb::ListingDb::open(layout.state(), context.configuration.publish.name));
  return Publisher(context, std::move(layout), {}, {}, std::move(db));
}

}  // namespace starttls::listtool::publish
