#include "listtool/publish/publisher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "base/try.h"
#include "doctor/host.h"

namespace starttls::listtool::publish {
namespace {

Result<Layout> find_layout(const Context& context) {
  const PublishSettings& settings = context.configuration.publish;
  if (settings.name.empty()) {
    return std::unexpected(
        context.configuration.error_at("publish.name", "is missing: which list is published?"));
  }
  Layout layout{settings.directory};
  if (std::error_code none; !std::filesystem::exists(layout.state(), none)) {
    return fail(Fault::unavailable, "{}: there is none; 'starttls-listtool publish init' makes it",
                printable(layout.state().string()));
  }
  return layout;
}

Result<UniqueFd> take_lock(const Layout& layout) {
  TRY(check_owner(layout.directory));
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

Result<void> check_owner(const std::filesystem::path& directory) {
  struct stat info{};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &info) != 0 || info.st_uid == 0) return {};
  const std::string user = doctor::user_name(info.st_uid);
  return fail(Fault::permission,
              "{}: belongs to {}, so this user must run it: runuser -u {} -- {} publish ...",
              printable(directory.string()), user, user, program);
}

Result<Publisher> Publisher::open(const Context& context) {
  Layout layout = TRY(find_layout(context));
  UniqueFd lock = TRY(take_lock(layout));
  auto db = TRY(listingdb::ListingDb::open(layout.state(), context.configuration.publish.name));
  return Publisher(context, std::move(layout), std::move(lock), {}, std::move(db));
}

Result<Publisher> Publisher::open_rehearsal(const Context& context) {
  namespace fs = std::filesystem;
  Layout layout = TRY(find_layout(context));
  UniqueFd lock = TRY(take_lock(layout));
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
