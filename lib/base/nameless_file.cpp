#include "base/nameless_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/text.h"

namespace starttls {

Result<UniqueFd> open_nameless_file(const char* directory) {
  if (const char* const wanted = std::getenv("TMPDIR"); wanted != nullptr && *wanted != '\0')
    directory = wanted;
  std::string name = std::string(directory) + "/starttls-XXXXXX";
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail(write_fault(errno), "{}: {}", printable(name), errno_text(errno));
  ::unlink(name.c_str());
  return fd;
}

}  // namespace starttls
