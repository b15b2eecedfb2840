#include "mail/hand_over.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/try.h"

namespace starttls::mail {
namespace {

// For sendmail(8), which reads lines that end with LF.
std::string with_plain_newlines(const std::string& message) {
  std::string plain;
  for (const char c : message) {
    if (c != '\r') plain += c;
  }
  return plain;
}

Result<UniqueFd> in_memory(const std::string& content) {
  UniqueFd fd(::memfd_create("mail", MFD_CLOEXEC));
  if (!fd) return fail(Fault::temporary, "not enough memory for a mail: {}", errno_text(errno));
  if (const int error = write_all(fd.get(), content); error != 0)
    return fail(Fault::temporary, "not enough memory for a mail: {}", errno_text(error));
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

}  // namespace

Result<void> hand_to_program(const std::string& sendmail, const std::string& sender,
                             const std::string& message, std::chrono::milliseconds time_limit) {
  const auto input = TRY(in_memory(with_plain_newlines(message)));
  const auto done = run_program(
      {.argv = {sendmail, "-t", "-i", "-f", sender}, .stdin_fd = input.get(), .time_limit = time_limit});
  if (!done) return fail(Fault::temporary, "{}", done.error().message);
  if (done->succeeded()) return {};
  const bool is_final =
      done->exit_status == static_cast<int>(Fault::data) || done->exit_status == 67;  // EX_NOUSER
  return fail(is_final ? Fault::data : Fault::temporary, "{}", failure_text(sendmail, *done));
}

}  // namespace starttls::mail
