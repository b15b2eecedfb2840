#include "listtool/setup_directory.h"

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::listtool {
namespace {

constexpr std::size_t max_plan_size = std::size_t{16} << 20U;

Result<Written> write(const std::filesystem::path& path, const SetupFile& file) {
  std::error_code ignored;
  const bool existed = std::filesystem::exists(path, ignored);
  AtomicFile written = TRY(AtomicFile::create(path, file.mode));
  written.append(file.content);
  if (!TRY(written.commit_if_changed())) return Written::unchanged;
  return existed ? Written::replaced : Written::created;
}

}  // namespace

std::string plan_heading(const DomainName& domain) {
  return fmt::format("Plan for {}, by starttls-listtool setup", domain.str());
}

Result<void> check_setup_directory(const std::filesystem::path& path, const DomainName& domain) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const Directory directory = TRY(Directory::open(path));
  const UniqueFd readable = directory.readable();
  if (!readable) return fail(Fault::permission, "{}: cannot be read", printable(path.string()));
  if (list_entries(readable.get()).empty()) return {};
  const auto plan = read_file(path / plan_file, max_plan_size);
  if (plan && plan->starts_with(plan_heading(domain) + '\n')) return {};
  return fail(Fault::cannot_create,
              "{}: holds files, but not the plan.txt of {}; name an empty directory, or one that setup wrote "
              "for this "
              "domain",
              printable(path.string()), domain.str());
}

Result<std::vector<WrittenFile>> write_setup_directory(const std::filesystem::path& directory,
                                                       const std::vector<SetupFile>& files) {
  TRY(Directory::make(directory));
  std::vector<WrittenFile> all;
  for (const SetupFile& file : files) {
    const Written written = TRY(write(directory / file.name, file));
    all.push_back({.name = file.name, .written = written});
  }
  return all;
}

}  // namespace starttls::listtool
