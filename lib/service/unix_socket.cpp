#include "service/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/directory.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "service/switch_user.h"

namespace starttls::service {
namespace {

namespace fs = std::filesystem;

constexpr mode_t all_rights = 0777;

// Returns 0, or the errno value of the attempt.
int try_to_connect(const std::string& path, int type = SOCK_STREAM) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  const UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  // The socket there is of the other type.
  return errno == EPROTOTYPE && type == SOCK_STREAM ? try_to_connect(path, SOCK_DGRAM) : errno;
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

class Place {
 public:
  Place(std::string path, Directory directory)
      : path_(std::move(path)), directory_(std::move(directory)), name_(fs::path(path_).filename()) {}

  static Result<Place> find(const std::string& path) {
    const fs::path parent = fs::path(path).parent_path();
    auto directory = Directory::open(parent);
    if (!directory) {
      std::string_view why = directory.error().message;
      const std::string name = printable(parent.string()) + ": ";
      if (why.starts_with(name)) why.remove_prefix(name.size());
      return fail(Fault::unavailable, "{}: cannot listen there: {}", printable(path), why);
    }
    return Place(path, std::move(*directory));
  }

  // If we are root, and the directory belongs to another user, acts with that user's rights.
  Result<std::optional<EffectiveUser>> act(const std::optional<gid_t>& group) const {
    if (::geteuid() != 0) return std::nullopt;
    if (directory_.owner() == 0) {
      if (directory_.is_path_guarded()) return std::nullopt;
      return unavailable("another user can change the way to it");
    }
    auto acting = TRY(EffectiveUser::begin(directory_.owner(), group.value_or(directory_.group())));
    return std::optional(std::move(acting));
  }

  // In this case root must act as another user, which is impossible while other threads run.
  Result<void> check_without_acting() const {
    if (::geteuid() != 0 || (directory_.owner() == 0 && directory_.is_path_guarded())) return {};
    return unavailable("root can make it in a directory of another user only at the start");
  }

  // Removes the socket of an earlier process if no process listens on it.
  Result<void> clear() const {
    struct stat info{};
    if (::fstatat(directory_.fd(), name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
    if (!S_ISSOCK(info.st_mode)) return unavailable("exists and is no socket");
    const int error = try_to_connect(path_);
    // A full queue also shows that a process listens.
    if (error == 0 || error == EAGAIN)
      return fail(Fault::temporary, "{}: another program listens there", printable(path_));
    if (error != ECONNREFUSED)
      return unavailable("cannot tell whether somebody listens there: " + errno_text(error));
    log_info("{}: removing the socket that an earlier process left", printable(path_));
    if (::unlinkat(directory_.fd(), name_.c_str(), 0) != 0) return unavailable(errno_text(errno));
    return {};
  }

  // `creator` created the socket. If another user replaced the socket, the new file keeps its owner.
  Result<void> set_owner(const SocketAccess& access, uid_t creator) const {
    const UniqueFd fd(::openat(directory_.fd(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) return denied("cannot be found", errno);
    if (!S_ISSOCK(info.st_mode) || info.st_uid != creator || info.st_nlink != 1)
      return unavailable("another user has put something else in the place of the socket");
    const uid_t owner = access.owner.value_or(::geteuid());
    const gid_t made_with = creator == ::geteuid() ? info.st_gid : ::getegid();
    const gid_t group = access.group.value_or(made_with);
    const bool differs = info.st_uid != owner || info.st_gid != group;
    if (differs && ::fchownat(fd.get(), "", owner, group, AT_EMPTY_PATH) != 0)
      return denied("cannot set its owner and group", errno);
    // In a directory with a default ACL (acl(5)) the umask has no effect.
    if ((info.st_mode & all_rights) != access.mode &&
        ::chmod(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), access.mode) != 0)
      return denied("cannot set its mode", errno);
    return {};
  }

  bool is_as_created(const SocketAccess& access) const {
    struct stat info{};
    struct stat around{};
    if (::fstatat(directory_.fd(), name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        ::fstat(directory_.fd(), &around) != 0)
      return false;
    const gid_t made_with = (around.st_mode & S_ISGID) != 0 ? around.st_gid : ::getegid();
    return S_ISSOCK(info.st_mode) && info.st_nlink == 1 && (info.st_mode & all_rights) == access.mode &&
           info.st_uid == access.owner.value_or(::geteuid()) &&
           info.st_gid == access.group.value_or(made_with);
  }

  bool is_of(uid_t owner) const {
    struct stat info{};
    return ::fstatat(directory_.fd(), name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_uid == owner;
  }

  void remove() const {
    struct stat info{};
    const bool found = ::fstatat(directory_.fd(), name_.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (found && S_ISSOCK(info.st_mode)) ::unlinkat(directory_.fd(), name_.c_str(), 0);
  }

 private:
  std::unexpected<Error> unavailable(std::string_view why) const {
    return fail(Fault::unavailable, "{}: {}", printable(path_), why);
  }
  std::unexpected<Error> denied(std::string_view what, int error) const {
    return fail(Fault::permission, "{}: {}: {}", printable(path_), what, errno_text(error));
  }

  std::string path_;
  Directory directory_;
  std::string name_;
};

// This function and the next remove an old socket and bind. They return the user who created the socket.
Result<uid_t> bind_with_threads(const Place& place, const std::function<Result<void>()>& bind) {
  TRY(place.check_without_acting());
  TRY(place.clear());
  TRY(bind());
  return ::geteuid();
}

Result<uid_t> bind_at(const Place& place, const SocketAccess& access,
                      const std::function<Result<void>()>& bind) {
  TRY(place.act(access.group));
  TRY(place.clear());
  const Umask umask(~access.mode & all_rights);
  TRY(bind());
  return ::geteuid();
}

}  // namespace

Result<void> create_unix_socket(const std::string& path, const SocketAccess& access,
                                const std::function<Result<void>()>& bind, Threads threads) {
  const auto place = TRY(Place::find(path));
  const uid_t creator =
      TRY(threads == Threads::none ? bind_at(place, access, bind) : bind_with_threads(place, bind));
  auto done = place.set_owner(access, creator);
  if (!done) place.remove();
  return done;
}

bool is_as_created(const std::string& path, const SocketAccess& access) {
  const auto place = Place::find(path);
  return place && place->is_as_created(access);
}

void remove_own_unix_socket(const std::string& path, const SocketAccess& access) {
  const auto place = Place::find(path);
  if (place && place->is_of(access.owner.value_or(::geteuid()))) place->remove();
}

void remove_unix_socket(const std::string& path) {
  if (const auto place = Place::find(path)) place->remove();
}

}  // namespace starttls::service
