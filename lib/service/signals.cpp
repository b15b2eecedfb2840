#include "service/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace starttls::service {

Result<UniqueFd> Signals::block(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  UniqueFd descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor || ::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
    return fail(Fault::unavailable, "signalfd: {}", errno_text(errno));
  }
  return descriptor;
}

Signals::Signals(event::Loop& loop, UniqueFd descriptor, std::function<void(int)> arrived)
    : descriptor_(std::move(descriptor)),
      arrived_(std::move(arrived)),
      watch_(loop, descriptor_.get(), event::DescriptorWatcher::For::reading, [this] { read(); }) {}

void Signals::read() {
  signalfd_siginfo info{};
  while (::read(descriptor_.get(), &info, sizeof info) == sizeof info)
    arrived_(static_cast<int>(info.ssi_signo));
}

}  // namespace starttls::service
