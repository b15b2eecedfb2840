#include "milter/libmilter_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "milter/libmilter_connection.h"

namespace {

std::atomic<int> given = -1;   // to be returned by socket()
std::atomic<int> bound = -1;   // given, and not to be bound again
std::atomic<int> opened = -1;  // what socket() has returned
std::atomic<bool> accepting = true;
std::atomic<bool> within_accept = false;
std::atomic<int> accepted = 0;
std::atomic<int> connected = 0;

}  // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier)
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const sockaddr* address, socklen_t size);
int __real_accept(int fd, sockaddr* address, socklen_t* size);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const sockaddr* address, socklen_t size);
int __wrap_accept(int fd, sockaddr* address, socklen_t* size);
// NOLINTEND(bugprone-reserved-identifier)

// Sockets of the daemon itself are made here, too: the last one before libmilter listens is libmilter's.
int __wrap_socket(int domain, int type, int protocol) {
  const int instead = given.exchange(-1);
  const int fd = instead >= 0 ? instead : __real_socket(domain, type, protocol);
  opened = fd;
  return fd;
}

int __wrap_bind(int fd, const sockaddr* address, socklen_t size) {
  return fd == bound ? 0 : __real_bind(fd, address, size);
}

int __wrap_accept(int fd, sockaddr* address, socklen_t* size) {
  within_accept = true;
  if (!accepting) {
    within_accept = false;
    // The connection stays in the queue. This thread of libmilter has nothing else to do.
    for (;;) ::pause();
  }
  const int connection = __real_accept(fd, address, size);
  const int reason = errno;
  if (connection >= 0) {
    ++accepted;
    starttls::milter::buffer_connection(connection);
  }
  within_accept = false;
  errno = reason;
  return connection;
}

}  // extern "C"

namespace starttls::milter {

void give_to_libmilter(UniqueFd socket) {
  bound = socket.get();
  given = socket.release();
}

int libmilters_socket() {
  return opened;
}

void stop_accepting() {
  using namespace std::chrono_literals;
  accepting = false;
  const auto end = std::chrono::steady_clock::now() + 1s;
  while ((within_accept || connected < accepted) && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(1ms);
}

void has_connected() {
  ++connected;
}

}  // namespace starttls::milter
