#include "daemon/pid_file.h"

#include <unistd.h>

#include <utility>

#include "base/atomic_file.h"
#include "base/directory.h"

namespace starttls::daemon {

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::move(other.path_)), written_(std::exchange(other.written_, false)) {}

PidFile::~PidFile() {
  if (!written_) return;
  if (const auto entry = find_entry(path_)) ::unlinkat(entry->directory.fd(), entry->name.c_str(), 0);
}

Result<void> PidFile::write() {
  if (path_.empty()) return {};
  auto done = replace_file(path_, fmt::format("{}\n", ::getpid()));
  written_ = done.has_value();
  return done;
}

}  // namespace starttls::daemon
