// The directory that `setup` writes: each file whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"

namespace starttls::listtool {

struct SetupFile {
  std::string name;
  std::string content;
  mode_t mode = 0644;
};

enum class Written { created, replaced, unchanged };

struct WrittenFile {
  std::string name;
  Written written = Written::unchanged;
};

// The file that marks a directory as one of `setup`, for one domain.
inline constexpr std::string_view plan_file = "plan.txt";
// Its first line.
std::string plan_heading(const DomainName& domain);

// Fault::cannot_create where the directory exists and has files, but no plan for this domain: they are not ours to
// replace.
Result<void> check_setup_directory(const std::filesystem::path& directory, const DomainName& domain);

// Creates the directory where it does not exist. Errors as of AtomicFile; the files before the one that failed are
// written then.
Result<std::vector<WrittenFile>> write_setup_directory(const std::filesystem::path& directory,
                                                       const std::vector<SetupFile>& files);

}  // namespace starttls::listtool
