#include "mailer/hand_over.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/try.h"
#include "http/post.h"

namespace starttls::mailer {
namespace {

// For sendmail(8), which reads lines that end with LF.
std::string with_plain_newlines(std::string_view message) {
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

Result<void> hand_to_program(const std::string& sendmail, const Mail& mail) {
  const auto input = TRY(in_memory(with_plain_newlines(mail.message)));
  const auto done = run_program({.argv = {sendmail, "-t", "-i", "-f", mail.sender},
                                 .stdin_fd = input.get(),
                                 .time_limit = mail.time_limit});
  if (!done) return fail(Fault::temporary, "{}", done.error().message);
  if (done->succeeded()) return {};
  const bool is_final =
      done->exit_status == static_cast<int>(Fault::data) || done->exit_status == 67;  // EX_NOUSER
  return fail(is_final ? Fault::data : Fault::temporary, "{}", failure_text(sendmail, *done));
}

}  // namespace

Result<void> hand_over(const std::string& mailer, const Mail& mail) {
  if (!mailer.starts_with("smtp://")) return hand_to_program(mailer, mail);
  return http::submit({.url = mailer,
                       .sender = mail.sender,
                       .recipient = mail.recipient,
                       .message = mail.message,
                       .total = mail.time_limit});
}

}  // namespace starttls::mailer
