#include "http/sink.h"

#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace starttls::http {

Sink append_to(std::string& text) {
  return [&text](std::string_view piece) -> Result<void> {
    text += piece;
    return {};
  };
}

Sink append_to(int fd, std::string name) {
  return [fd, name = std::move(name)](std::string_view piece) -> Result<void> {
    const int error = write_all(fd, piece);
    if (error == 0) return {};
    return fail(Fault::io, "{}: cannot write: {}", printable(name), errno_text(error));
  };
}

}  // namespace starttls::http
