#include "service/descriptor_limit.h"

#include <sys/resource.h>

#include <cerrno>

#include "base/file.h"

namespace starttls::service {

Result<std::uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail(Fault::unavailable, "the limit of open files cannot be read: {}", errno_text(errno));
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail(Fault::unavailable, "the limit of open files cannot be raised: {}", errno_text(errno));
  return limit.rlim_cur;
}

}  // namespace starttls::service
