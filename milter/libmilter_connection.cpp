#include "milter/libmilter_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier)
int __real_poll(pollfd* fds, nfds_t count, int timeout);
ssize_t __real_read(int fd, void* data, std::size_t size);
ssize_t __real_writev(int fd, const iovec* parts, int count);
int __real_close(int fd);
int __wrap_poll(pollfd* fds, nfds_t count, int timeout);
ssize_t __wrap_read(int fd, void* data, std::size_t size);
ssize_t __wrap_writev(int fd, const iovec* parts, int count);
int __wrap_close(int fd);
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"

namespace {

constexpr std::size_t buffer_size = 4096;

// Milliseconds: libmilter waits so long for the next command, before its thread gives the connection back to the one that
// waits for all of them. No other wait of libmilter is so short. Under load the next command does not come within that
// time, and the thread sleeps where it could serve another connection. So here it does not wait.
constexpr int next_command_timeout = 1;

// One thread of libmilter at a time uses it.
class Connection {
 public:
  // poll(2) for one descriptor.
  int poll(pollfd& asked, int timeout) {
    if ((asked.events & POLLOUT) != 0) return poll_writable(asked, timeout);
    return begin_ < end_ ? ready(asked, POLLIN) : receive(asked, timeout);
  }

  ssize_t read(int fd, void* data, std::size_t size) {
    if (begin_ == end_) return __real_read(fd, data, size);
    const std::size_t taken = std::min(size, end_ - begin_);
    std::memcpy(data, buffer_.get() + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(int fd, const iovec* parts, int count) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    const ssize_t put = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    is_full_ = put < 0 && errno == EAGAIN;
    return put;
  }

 private:
  static int ready(pollfd& asked, short events) {
    asked.revents = events;
    return 1;
  }

  int poll_writable(pollfd& asked, int timeout) {
    return is_full_ ? __real_poll(&asked, 1, timeout) : ready(asked, POLLOUT);
  }

  int receive(pollfd& asked, int timeout) {
    if (timeout == next_command_timeout) return receive_next_command(asked);
    const int polled = __real_poll(&asked, 1, timeout);
    if (polled <= 0) return polled;
    return fill(asked.fd) > 0 ? ready(asked, POLLIN) : polled;
  }

  int receive_next_command(pollfd& asked) {
    const ssize_t got = fill(asked.fd);
    if (got < 0 && errno == ENOMEM) return __real_poll(&asked, 1, 0);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) return ready(asked, POLLIN);  // data, end or error
    const int reason = errno;
    buffer_.reset();  // the connection may be idle for long
    errno = reason;
    return reason == EAGAIN ? 0 : -1;
  }

  // As recv(2), into the empty buffer. With ENOMEM there is none, and libmilter reads by itself.
  ssize_t fill(int fd) {
    if (!buffer_) buffer_.reset(new (std::nothrow) char[buffer_size]);
    if (!buffer_) {
      errno = ENOMEM;
      return -1;
    }
    const ssize_t got = ::recv(fd, buffer_.get(), buffer_size, MSG_DONTWAIT);
    begin_ = 0;
    end_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    return got;
  }

  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;  // of what is not read
  std::size_t end_ = 0;
  bool is_full_ = false;  // the last write failed for that
};

// By descriptor. Connections with higher ones are not buffered.
std::array<std::atomic<Connection*>, 65536> connections{};

Connection* find(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  return index < connections.size() ? connections[index].load(std::memory_order_acquire) : nullptr;
}

}  // namespace

extern "C" {

int __wrap_poll(pollfd* fds, nfds_t count, int timeout) {
  Connection* const connection = count == 1 ? find(fds->fd) : nullptr;
  return connection != nullptr ? connection->poll(*fds, timeout) : __real_poll(fds, count, timeout);
}

ssize_t __wrap_read(int fd, void* data, std::size_t size) {
  Connection* const connection = find(fd);
  return connection != nullptr ? connection->read(fd, data, size) : __real_read(fd, data, size);
}

ssize_t __wrap_writev(int fd, const iovec* parts, int count) {
  Connection* const connection = find(fd);
  return connection != nullptr ? connection->write(fd, parts, count) : __real_writev(fd, parts, count);
}

int __wrap_close(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index < connections.size()) delete connections[index].exchange(nullptr);
  return __real_close(fd);
}

}  // extern "C"

namespace starttls::milter {

void buffer_connection(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index < connections.size())
    connections[index].store(new (std::nothrow) Connection, std::memory_order_release);
}

}  // namespace starttls::milter
