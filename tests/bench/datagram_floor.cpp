// Receives datagrams as tlsrpt-collector does, and does nothing with them: what remains where a receiver does nothing.
//
//     datagram-floor SOCKET      until SIGTERM

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace {

constexpr std::size_t batch = 128;
constexpr std::size_t size = 65'000;

volatile std::sig_atomic_t stopped = 0;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  std::signal(SIGTERM, [](int) { stopped = 1; });
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(argv[1]).copy(address.sun_path, sizeof address.sun_path - 1);
  const starttls::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(argv[1]);
    return 1;
  }
  std::vector<char> buffer(batch * size);
  std::array<iovec, batch> places{};
  std::array<mmsghdr, batch> messages{};
  for (std::size_t i = 0; i < batch; ++i) {
    places[i] = {.iov_base = &buffer[i * size], .iov_len = size};
    messages[i].msg_hdr.msg_iov = &places[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  while (stopped == 0) {
    pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, -1) <= 0) continue;
    while (::recvmmsg(socket.get(), messages.data(), batch, MSG_DONTWAIT, nullptr) ==
           static_cast<int>(batch)) {
    }
  }
  return 0;
}
