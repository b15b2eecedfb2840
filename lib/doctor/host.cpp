#include "doctor/host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ranges>

#include "base/file.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "base/try.h"
#include "dns/authenticated.h"
#include "dns/servers.h"
#include "doctor/postfix.h"

namespace starttls::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_account = 16384;  // bytes of an entry in the user database
constexpr int max_groups = 1024;
constexpr std::size_t max_queue_length_size = 100;  // bytes
constexpr std::size_t max_certificates_size = std::size_t{16} << 20U;
constexpr std::size_t max_resolv_conf_size = std::size_t{64} << 10U;
constexpr std::chrono::seconds resolver_time_limit{3};

Time modification_time(const struct stat& info) {
  return Time(std::chrono::seconds(info.st_mtim.tv_sec) +
              std::chrono::milliseconds(info.st_mtim.tv_nsec / 1'000'000));
}

bool is_loopback(std::string_view server) {
  const auto address = IpAddress::parse(server.substr(0, server.find('@')));
  return address && (IpNetwork::parse("127.0.0.0/8")->contains(*address) ||
                     IpNetwork::parse("::1/128")->contains(*address));
}

}  // namespace

bool PathFacts::is_hidden() const {
  return error == EACCES || error == EPERM;
}

PathFacts read_path(const fs::path& path) {
  PathFacts facts{.path = path, .nodes = {}, .modified = {}};
  fs::path step;
  for (const fs::path& part : path) {
    step /= part;
    struct stat info{};
    if (::stat(step.c_str(), &info) != 0) {
      facts.error = errno;
      return facts;
    }
    facts.nodes.push_back({.path = step, .mode = info.st_mode, .uid = info.st_uid, .gid = info.st_gid});
    facts.size = static_cast<std::uintmax_t>(info.st_size);
    facts.modified = modification_time(info);
  }
  if (facts.nodes.empty()) facts.error = ENOENT;
  return facts;
}

std::optional<UserFacts> find_user_facts(const std::string& name) {
  std::array<char, max_account> buffer{};
  struct passwd entry{};
  struct passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  UserFacts user{.name = name, .uid = entry.pw_uid, .groups = std::vector<gid_t>(max_groups)};
  int count = max_groups;
  if (::getgrouplist(name.c_str(), entry.pw_gid, user.groups.data(), &count) < 0) count = max_groups;
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

std::string group_name(gid_t group) {
  std::array<char, max_account> buffer{};
  struct group entry{};
  struct group* found = nullptr;
  const int error = ::getgrgid_r(group, &entry, buffer.data(), buffer.size(), &found);
  return error == 0 && found != nullptr ? found->gr_name : std::to_string(group);
}

std::string user_name(uid_t user) {
  std::array<char, max_account> buffer{};
  struct passwd entry{};
  struct passwd* found = nullptr;
  const int error = ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return error == 0 && found != nullptr ? found->pw_name : std::to_string(user);
}

bool may(const UserFacts& user, const Node& node, Want want) {
  if (user.uid == 0) return true;
  constexpr unsigned owner_shift = 6;
  constexpr unsigned group_shift = 3;
  const bool is_member = std::ranges::find(user.groups, node.gid) != user.groups.end();
  const unsigned shift = user.uid == node.uid ? owner_shift : is_member ? group_shift : 0;
  return ((node.mode >> shift) & static_cast<unsigned>(want)) != 0;
}

const Node* first_refusal(const UserFacts& user, const PathFacts& path, Want want) {
  for (const Node& node : path.nodes) {
    const bool is_last = &node == &path.nodes.back();
    if (!may(user, node, is_last ? want : Want::search)) return &node;
  }
  return nullptr;
}

Result<DiskFacts> read_disk(const fs::path& path) {
  struct statvfs info{};
  for (fs::path at = path; ::statvfs(at.c_str(), &info) != 0; at = at.parent_path()) {
    if (errno != ENOENT || at == at.parent_path())
      return fail(Fault::io, "{}: {}", at.string(), errno_text(errno));
  }
  return DiskFacts{.size = std::uintmax_t{info.f_blocks} * info.f_frsize,
                   .free = std::uintmax_t{info.f_bavail} * info.f_frsize,
                   .files = info.f_files,
                   .free_files = info.f_favail};
}

Result<bool> is_clock_synchronized() {
  struct timex clock{};
  const int state = ::adjtimex(&clock);
  if (state < 0) return fail(Fault::permission, "the state of the clock: {}", errno_text(errno));
  return state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
}

std::optional<std::uint64_t> read_queue_length() {
  const auto text = read_file("/proc/sys/net/unix/max_dgram_qlen", max_queue_length_size);
  if (!text) return std::nullopt;
  const std::string_view digits = trim(*text);
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  return error == std::errc() ? std::optional(length) : std::nullopt;
}

Result<std::size_t> count_certificates(const fs::path& file) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
  const std::string text = TRY(read_file(file, max_certificates_size));
  std::size_t count = 0;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + begin.size()))
    ++count;
  return count;
}

std::vector<ResolverFacts> read_resolvers(const fs::path& resolv_conf) {
  const auto text = read_file(resolv_conf, max_resolv_conf_size);
  std::vector<std::string> servers = dns::resolv_conf_servers(text.value_or(""));
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  std::vector<ResolverFacts> facts;
  facts.reserve(servers.size());
  for (const std::string& server : servers) {
    facts.push_back({.server = server,
                     .is_loopback = is_loopback(server),
                     .validates = dns::is_authenticated(server, resolver_time_limit)});
  }
  return facts;
}

bool passes_on_ad(const fs::path& resolv_conf) {
  const std::string text = read_file(resolv_conf, max_resolv_conf_size).value_or("");
  return std::ranges::any_of(std::views::split(text, '\n'), [](const auto& line) {
    const auto words = split_list(std::string_view(line.begin(), line.end()));
    return !words.empty() && words.front() == "options" &&
           std::ranges::find(words, "trust-ad") != words.end();
  });
}

Result<bool> is_locked(const fs::path& file) {
  const UniqueFd lock = open_regular(AT_FDCWD, file.c_str());
  if (!lock && errno == ENOENT) return false;
  if (!lock) return cannot_read(file.string(), errno);
  // A shared lock, given up at once: the file stays as it is.
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return cannot_read(file.string(), errno);
}

}  // namespace starttls::doctor
