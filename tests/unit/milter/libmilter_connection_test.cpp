#include "milter/libmilter_connection.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/file.h"
#include "catch.h"

namespace {

using namespace starttls;

constexpr int libmilters_wait = 1;  // milliseconds, for the next command

// How often this thread has slept.
long sleeps() {
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_THREAD, &usage) == 0);
  return usage.ru_nvcsw;
}

// A connection that libmilter has accepted, and its other end. The tests use it with the system calls of libmilter.
class Accepted {
 public:
  Accepted() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    mta_ = UniqueFd(ends[0]);
    fd_ = ends[1];
    milter::buffer_connection(fd_);
  }
  Accepted(const Accepted&) = delete;
  Accepted& operator=(const Accepted&) = delete;
  ~Accepted() { (void)::close(fd_); }

  int fd() const { return fd_; }
  int mta() const { return mta_.get(); }
  void send(std::string_view data) { REQUIRE(write_all(mta_.get(), data) == 0); }
  void hang_up() { mta_.reset(); }

  // The events for which the connection is ready now.
  int ready_for(short events, int timeout = 0) const {
    pollfd asked{.fd = fd_, .events = events, .revents = 0};
    const int count = ::poll(&asked, 1, timeout);
    REQUIRE(count == (asked.revents != 0 ? 1 : 0));
    return asked.revents;
  }
  bool has_next_command() const { return ready_for(POLLIN, libmilters_wait) == POLLIN; }
  std::string read(std::size_t size) const {
    std::string data(size, '\0');
    const ssize_t got = ::read(fd_, data.data(), size);
    REQUIRE(got >= 0);
    data.resize(static_cast<std::size_t>(got));
    return data;
  }
  // Of the kernel: what nobody has read.
  bool has_unread() const {
    char first = 0;
    return ::recv(fd_, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  ssize_t write(std::string_view data) const {
    std::string copy(data);
    const iovec part{.iov_base = copy.data(), .iov_len = copy.size()};
    return ::writev(fd_, &part, 1);
  }

 private:
  UniqueFd mta_;
  int fd_ = -1;
};

}  // namespace

TEST_CASE("what has arrived is read from the kernel once, and then piece by piece") {
  Accepted connection;
  CHECK(connection.ready_for(POLLIN) == 0);
  connection.send("head and content");
  CHECK(connection.ready_for(POLLIN) == POLLIN);
  CHECK_FALSE(connection.has_unread());
  CHECK(connection.read(4) == "head");
  CHECK(connection.ready_for(POLLIN) == POLLIN);
  CHECK(connection.read(100) == " and content");
  CHECK(connection.ready_for(POLLIN) == 0);
  connection.send("next");
  CHECK(connection.ready_for(POLLIN) == POLLIN);
  CHECK(connection.read(100) == "next");
}

TEST_CASE("more than the buffer holds comes in its order") {
  Accepted connection;
  std::string all;
  for (int i = 0; all.size() < 20'000; ++i) all += std::to_string(i);
  connection.send(all);
  std::string got;
  while (connection.ready_for(POLLIN) != 0) got += connection.read(999);
  CHECK(got == all);
}

TEST_CASE("without a wait, data is read from the kernel") {
  Accepted connection;
  connection.send("data");
  CHECK(connection.read(100) == "data");
}

TEST_CASE("data that came before the end of a connection is read before the end is seen") {
  Accepted connection;
  connection.send("last");
  connection.hang_up();
  CHECK(connection.ready_for(POLLIN) == POLLIN);
  CHECK(connection.read(2) == "la");
  CHECK(connection.ready_for(POLLIN) == POLLIN);
  CHECK(connection.read(2) == "st");
  CHECK((connection.ready_for(POLLIN) & POLLHUP) != 0);
  CHECK(connection.read(100).empty());
}

TEST_CASE("an answer is written at once") {
  const Accepted connection;
  CHECK(connection.ready_for(POLLOUT) == POLLOUT);
  CHECK(connection.write("answer") == 6);
  std::array<char, 100> got{};
  CHECK(::recv(connection.mta(), got.data(), got.size(), MSG_DONTWAIT) == 6);
}

TEST_CASE("an MTA that does not read its answers blocks no thread in a write") {
  const Accepted connection;
  const std::string answer(1000, 'x');
  while (connection.write(answer) >= 0) continue;
  CHECK(errno == EAGAIN);
  CHECK(connection.ready_for(POLLOUT) == 0);
  std::array<char, 4096> got{};
  while (::recv(connection.mta(), got.data(), got.size(), MSG_DONTWAIT) > 0) continue;
  CHECK(connection.ready_for(POLLOUT) == POLLOUT);
  CHECK(connection.write(answer) == 1000);
}

TEST_CASE("a write to a connection that has ended fails without a signal") {
  Accepted connection;
  connection.hang_up();
  CHECK(connection.write("answer") == -1);
  CHECK(errno == EPIPE);
}

TEST_CASE("a descriptor that is used again is not a connection any more") {
  int closed = -1;
  {
    Accepted connection;
    connection.send("never read");
    CHECK(connection.ready_for(POLLIN) == POLLIN);
    closed = connection.fd();
  }
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  REQUIRE((reading.get() == closed || writing.get() == closed));
  REQUIRE(write_all(writing.get(), "new") == 0);
  std::array<char, 100> got{};
  CHECK(::read(reading.get(), got.data(), got.size()) == 3);
}

TEST_CASE("other descriptors, and several at a time, are for the kernel") {
  Accepted connection;
  const Accepted other;
  connection.send("data");
  std::array<pollfd, 2> asked{{{.fd = connection.fd(), .events = POLLIN, .revents = 0},
                               {.fd = other.fd(), .events = POLLIN, .revents = 0}}};
  CHECK(::poll(asked.data(), asked.size(), 0) == 1);
  CHECK(asked[0].revents == POLLIN);
  CHECK(connection.has_unread());
}

TEST_CASE("the next command is read if it has arrived") {
  Accepted connection;
  CHECK_FALSE(connection.has_next_command());
  connection.send("first");
  CHECK(connection.has_next_command());
  CHECK_FALSE(connection.has_unread());
  CHECK(connection.read(100) == "first");
  CHECK_FALSE(connection.has_next_command());
  connection.send("last");
  connection.hang_up();
  CHECK(connection.has_next_command());
  CHECK(connection.read(100) == "last");
  CHECK(connection.has_next_command());  // the end
  CHECK(connection.read(100).empty());
}

TEST_CASE("no thread sleeps until the next command") {
  const Accepted connection;
  const long before = sleeps();
  for (int i = 0; i < 1000; ++i) REQUIRE_FALSE(connection.has_next_command());
  CHECK(sleeps() - before < 100);
}
