// Facts about this host: files and their rights, users, disk, clock, certificates, resolver.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::doctor {

// One step of a path.
struct Node {
  std::filesystem::path path;
  mode_t mode = 0;  // of stat(2), with the type
  uid_t uid = 0;
  gid_t gid = 0;
};

// A path, from the root to the file itself, as far as it exists.
struct PathFacts {
  std::filesystem::path path;
  std::vector<Node> nodes;
  int error = 0;  // of stat(2), for the first step that is not in `nodes`; 0: all are
  std::uintmax_t size = 0;
  Time modified;

  bool exists() const { return error == 0; }
  bool is_hidden() const;  // whether the rights to find out are missing
  const Node& node() const { return nodes.back(); }
  bool is_directory() const { return exists() && S_ISDIR(node().mode); }
  bool is_socket() const { return exists() && S_ISSOCK(node().mode); }
};
PathFacts read_path(const std::filesystem::path& path);

// A user of this host with all groups.
struct UserFacts {
  std::string name;
  uid_t uid = 0;
  std::vector<gid_t> groups;
};
std::optional<UserFacts> find_user_facts(const std::string& name);
// "adm", or its number if it has no name.
std::string group_name(gid_t group);
std::string user_name(uid_t user);

enum class Want : unsigned { read = 4, write = 2, search = 1 };
// Whether the mode gives it to the user. Root may everything.
bool may(const UserFacts& user, const Node& node, Want want);
// The first step of an existing path that the user may not pass, or use as wanted at its end; nullptr: the user
// may. Access control lists are not considered.
const Node* first_refusal(const UserFacts& user, const PathFacts& path, Want want);

struct DiskFacts {
  std::uintmax_t size = 0;   // bytes
  std::uintmax_t free = 0;   // bytes, for users without privileges
  std::uintmax_t files = 0;  // that the file system can have; 0: no limit
  std::uintmax_t free_files = 0;
};
// Of the file system with the path, or with the nearest directory above it that exists.
Result<DiskFacts> read_disk(const std::filesystem::path& path);

// Whether the kernel's clock is set by a time server (adjtimex(2)).
Result<bool> is_clock_synchronized();

// How many datagrams the kernel keeps for a new unix socket: net.unix.max_dgram_qlen (unix(7)). None: cannot be read.
std::optional<std::uint64_t> read_queue_length();

// How many PEM certificates the file has. Errors as of read_file().
Result<std::size_t> count_certificates(const std::filesystem::path& file);

// A name server of resolv.conf(5).
struct ResolverFacts {
  std::string server;  // "127.0.0.1"
  bool is_loopback = false;
  Result<bool> validates = false;  // the AD bit of an answer (dns/authenticated.h)
};
// The servers of the file; 127.0.0.1 if it names none (resolv.conf(5)).
std::vector<ResolverFacts> read_resolvers(const std::filesystem::path& resolv_conf);
// Whether the C library passes on the AD bit of their answers: "options trust-ad" (resolv.conf(5)).
bool passes_on_ad(const std::filesystem::path& resolv_conf);

// Whether a process has locked the file (flock(2)): so Postfix' master(8) shows that it runs, and so "postfix
// status" finds out. False without the file. Fault::permission if it may not be opened.
Result<bool> is_locked(const std::filesystem::path& file);

}  // namespace starttls::doctor
