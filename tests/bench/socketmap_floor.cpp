// socketmap-floor SOCKET REPLY: measures the lowest cost of a socketmap server. It does not parse requests:
// whatever arrives together is one request, and the answer is always REPLY. It prints one line on standard
// output when it listens.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include "base/console.h"
#include "load/address.h"

namespace {

using namespace starttls;

constexpr const char* program = "socketmap-floor";

Result<void> watch(const UniqueFd& epoll, int fd) {
  epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &wanted) == 0) return {};
  return fail(Fault::internal, "epoll_ctl: {}", errno_text(errno));
}

void answer(int fd, const std::string& netstring) {
  std::array<char, 4096> question{};
  if (::read(fd, question.data(), question.size()) > 0 &&
      ::send(fd, netstring.data(), netstring.size(), MSG_NOSIGNAL) > 0) {
    return;
  }
  ::close(fd);
}

Result<int> serve(const std::string& socket, const std::string& reply) {
  const auto address = load::Address::parse(socket);
  if (!address) return std::unexpected(address.error());
  const auto listener = address->listen();
  if (!listener) return std::unexpected(listener.error());
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (auto watched = watch(epoll, listener->get()); !watched) return std::unexpected(watched.error());
  if (auto said = print("listening\n"); !said) return std::unexpected(said.error());

  const std::string netstring = fmt::format("{}:{},", reply.size(), reply);
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (fd != listener->get()) {
        answer(fd, netstring);
      } else if (const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC); accepted >= 0) {
        if (auto watched = watch(epoll, accepted); !watched) return std::unexpected(watched.error());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&]() -> Result<int> {
    if (argc != 3) return fail(Fault::usage, "usage: socketmap-floor SOCKET REPLY");
    return serve(argv[1], argv[2]);
  });
}
