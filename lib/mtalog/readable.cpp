// Whether a log may be read, and who may read it.

#include <grp.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "mtalog/follower.h"

namespace starttls::mtalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view journal = "journal";
constexpr std::string_view journal_directory_prefix = "journal:";

// "adm", or its number if it has no name.
std::string group_name(gid_t group) {
  std::array<char, 4096> buffer{};
  struct group entry{};
  struct group* found = nullptr;
  const int error = ::getgrgid_r(group, &entry, buffer.data(), buffer.size(), &found);
  return error == 0 && found != nullptr ? found->gr_name : std::to_string(group);
}

Result<void> check_file(const fs::path& file) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  const int error = errno;
  const std::string name = printable(file.string());
  struct stat info{};
  if (error == EACCES && ::stat(file.c_str(), &info) == 0) {
    constexpr mode_t group_reads = 0040;
    const std::string who = (info.st_mode & group_reads) != 0
                                ? fmt::format("group '{}' may", group_name(info.st_gid))
                                : "no group may, by its mode";
    return fail(Fault::permission, "{}: may not be read by this user; {}", name, who);
  }
  const Fault fault = error == EACCES ? Fault::permission : Fault::unavailable;
  return fail(fault, "{}: {}", name, errno_text(error));
}

// The directories where journald(8) keeps this host's journal: the persistent and the volatile one.
std::vector<fs::path> host_directories() {
  sd_id128_t machine{};
  if (::sd_id128_get_machine(&machine) < 0) return {};
  std::array<char, SD_ID128_STRING_MAX> id{};
  ::sd_id128_to_string(machine, id.data());
  return {fs::path("/var/log/journal") / id.data(), fs::path("/run/log/journal") / id.data()};
}

// Not for "user-1000.journal", which belongs to that user.
bool is_journal_file(const fs::path& file) {
  return file.extension() == ".journal" && !file.filename().string().starts_with("user-");
}

Result<void> check_journal(const std::vector<fs::path>& directories) {
  bool exists = false;
  bool is_hidden = false;
  for (const fs::path& directory : directories) {
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      if (!is_journal_file(entry->path())) continue;
      if (::access(entry->path().c_str(), R_OK) == 0) return {};
      exists = true;
    }
    is_hidden = is_hidden || error == std::errc::permission_denied;
  }
  if (exists || is_hidden) {
    return fail(Fault::permission,
                "the journal may not be read by this user; members of group 'adm' or 'systemd-journal' may");
  }
  return fail(Fault::unavailable, "there is no journal{}",
              directories.size() == 1 ? " in " + printable(directories.front().string()) : "");
}

}  // namespace

Result<void> check_readable(const std::string& source) {
  if (source == journal) return check_journal(host_directories());
  if (source.starts_with(journal_directory_prefix))
    return check_journal({source.substr(journal_directory_prefix.size())});
  return check_file(source);
}

}  // namespace starttls::mtalog
