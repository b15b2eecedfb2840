#include "checkdb/check_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/atomic_file.h"
#include "base/directory.h"
#include "base/newer_format.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::checkdb {
namespace {

constexpr mode_t state_mode = 0644;
constexpr std::string_view newer_mark = "# format ";  // of a later one

// Opens a file for reading and appending; a new one belongs to the owner of the directory, so that a run of root does
// not lock out the user of the timer.
Result<UniqueFd> open_or_create(const Directory& directory, const std::string& name,
                                const std::filesystem::path& path) {
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  UniqueFd file(::openat(directory.fd(), name.c_str(), flags | O_CREAT | O_EXCL, state_mode));
  if (file) {
    if (::geteuid() == 0 && ::fchown(file.get(), directory.owner(), directory.group()) != 0)
      return fail(Fault::cannot_create, "{}: {}", path.string(), errno_text(errno));
    return file;
  }
  if (errno == EEXIST) file = UniqueFd(::openat(directory.fd(), name.c_str(), flags));
  if (!file) {
    return fail(errno == EACCES ? Fault::permission : Fault::cannot_create, "{}: {}", path.string(),
                errno_text(errno));
  }
  struct stat info{};
  if (::fstat(file.get(), &info) == 0 && !S_ISREG(info.st_mode))
    return fail(Fault::io, "{} is {}", path.string(), file_type_name(info.st_mode));
  return file;
}

struct Lines {
  KnownDomains domains;
  std::size_t number = 0;
  std::size_t bytes = 0;  // without a last line that has no end
};

Result<Lines> read_lines(std::string_view text, const std::filesystem::path& path) {
  if (text.starts_with(newer_mark)) {
    const auto found = printable(text.substr(2, text.find('\n') - 2), 40);
    return made_by_newer_version(printable(path.string()), "a state of check", found, "format 1");
  }
  Lines lines{.bytes = text.rfind('\n') + 1};
  text = text.substr(0, lines.bytes);
  while (!text.empty()) {
    const std::size_t end = text.find('\n') + 1;
    ++lines.number;
    auto known = read_line(text.substr(0, end));
    if (!known) return fail(Fault::data, "{}:{}: {}", path.string(), lines.number, known.error().message);
    lines.domains.insert_or_assign(std::move(known->first), std::move(known->second));
    text.remove_prefix(end);
  }
  return lines;
}

}  // namespace

Result<std::optional<KnownDomains>> read_check_state(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() == std::filesystem::file_type::not_found)
    return std::nullopt;
  const std::string text = TRY(read_file(path, max_state_size));
  return TRY(read_lines(text, path)).domains;
}

Result<CheckState> CheckState::open(const std::filesystem::path& path) {
  const DirectoryEntry entry = TRY(find_entry(path));
  const std::filesystem::path lock_path = path.string() + ".lock";
  UniqueFd lock_file = TRY(open_or_create(entry.directory, entry.name + ".lock", lock_path));
  TRY(lock(lock_file, path, "another check has it"));
  UniqueFd file = TRY(open_or_create(entry.directory, entry.name, path));
  CheckState state(path, std::move(lock_file), std::move(file));
  TRY(state.read());
  return state;
}

Result<void> CheckState::read() {
  const std::string text = TRY(read_all(file_.get(), max_state_size, path_.string()));
  Lines lines = TRY(read_lines(text, path_));
  // What a run that was killed has written of a line.
  if (lines.bytes < text.size() && ::ftruncate(file_.get(), static_cast<off_t>(lines.bytes)) != 0)
    return fail(write_fault(errno), "{}: {}", path_.string(), errno_text(errno));
  domains_ = std::move(lines.domains);
  lines_ = lines.number;
  return {};
}

const KnownDomain* CheckState::find(const DomainName& domain) const {
  const auto found = domains_.find(domain);
  return found == domains_.end() ? nullptr : &found->second;
}

Result<void> CheckState::add(const DomainName& domain, KnownDomain known) {
  if (const int error = write_all(file_.get(), to_line(domain, known)); error != 0)
    return fail(write_fault(error), "{}: {}", path_.string(), errno_text(error));
  ++lines_;
  domains_.insert_or_assign(domain, std::move(known));
  return {};
}

void CheckState::remove_if(const std::function<bool(const DomainName& domain)>& unwanted) {
  std::erase_if(domains_, [&unwanted](const auto& entry) { return unwanted(entry.first); });
}

Result<void> CheckState::finish() {
  if (lines_ == domains_.size()) return {};
  auto file = TRY(AtomicFile::create(path_));
  for (const auto& [domain, known] : domains_) file.append(to_line(domain, known));
  TRY(file.finish());
  TRY(file.commit());
  lines_ = domains_.size();
  return {};
}

}  // namespace starttls::checkdb
