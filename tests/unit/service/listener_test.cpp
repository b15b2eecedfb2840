#include "service/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using service::Listener;

namespace {

bool can_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TEST_CASE("a unix socket has its mode, accepts connections, and is removed with its owner") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  {
    const Listener listener = good(Listener::open({.path = path}, {.mode = 0600}));
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0600);
    CHECK(can_connect(path));
    const auto second = Listener::open({.path = path}, {});
    CHECK(bad(second).fault == Fault::temporary);
    CHECK(can_connect(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a socket of a dead process is replaced, and nothing else is") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  {
    Listener listener = good(Listener::open({.path = path}, {}));
    listener.take_socket().reset();
    CHECK(std::filesystem::exists(path));
    CHECK_FALSE(can_connect(path));
    const Listener next = good(Listener::open({.path = path}, {}));
    CHECK(can_connect(path));
  }
  write(folder / "file", "precious");
  CHECK(bad(Listener::open({.path = (folder / "file").string()}, {})).fault == Fault::unavailable);
  CHECK(read(folder / "file") == "precious");
  CHECK(bad(Listener::open({.path = (folder / "no/s").string()}, {})).fault == Fault::unavailable);
  CHECK(bad(Listener::open({.path = "/" + std::string(200, 'x')}, {})).fault == Fault::unavailable);
}

TEST_CASE("a unix socket that would be created with other rights is recognized") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  CHECK_FALSE(service::is_as_created(path, {}));
  const Listener listener = good(Listener::open({.path = path}, {.mode = 0660}));
  CHECK(service::is_as_created(path, {.mode = 0660}));
  CHECK_FALSE(service::is_as_created(path, {.mode = 0600}));
  CHECK_FALSE(service::is_as_created(path, {.mode = 0660, .owner = ::geteuid() + 1}));
  CHECK_FALSE(service::is_as_created(path, {.mode = 0660, .group = ::getegid() + 1}));
  write(folder / "file", "");
  CHECK_FALSE(service::is_as_created((folder / "file").string(), {.mode = 0644}));
}

TEST_CASE("our own unix socket can be replaced while another process still has it open") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  const Listener before = good(Listener::open({.path = path}, {}));
  CHECK(bad(Listener::open({.path = path}, {})).fault == Fault::temporary);
  service::remove_own_unix_socket(path, {.owner = ::geteuid() + 1});
  CHECK(can_connect(path));
  service::remove_own_unix_socket(path, {});
  CHECK_FALSE(can_connect(path));
  const Listener next = good(Listener::open({.path = path}, {}));
  CHECK(can_connect(path));

  write(folder / "file", "precious");
  service::remove_own_unix_socket((folder / "file").string(), {});
  CHECK(read(folder / "file") == "precious");
}

TEST_CASE("a name without an address is an error") {
  CHECK(bad(Listener::open({.host = "192.0.2.1", .port = 9}, {})).fault == Fault::unavailable);
}

TEST_CASE("without systemd there are no sockets from it") {
  CHECK(good(service::activated_sockets()).empty());
}

std::uint16_t port_of(const UniqueFd& socket) {
  sockaddr_in6 at{};
  socklen_t size = sizeof at;
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
  return ntohs(at.sin6_port);  // at the same offset as sin_port
}

TEST_CASE("a socket from systemd is matched with a configured one") {
  const TemporaryFolder folder;
  const config::Address unix_one{.path = (folder / "s").string()};
  const Listener unix_listener = good(Listener::open(unix_one, {}));
  CHECK(service::listens_at(unix_listener.socket(), unix_one));
  CHECK_FALSE(service::listens_at(unix_listener.socket(), {.path = (folder / "t").string()}));
  const auto of_every_host = [](int family, int only_ipv6) {
    UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (family == AF_INET6)
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6);
    REQUIRE(::listen(socket.get(), 1) == 0);  // at a free port of every address
    return socket;
  };
  const UniqueFd ipv4 = of_every_host(AF_INET, 0);
  CHECK(service::listens_at(ipv4, {.host = "127.0.0.1", .port = port_of(ipv4)}));
  CHECK_FALSE(service::listens_at(ipv4, {.host = "::1", .port = port_of(ipv4)}));
  CHECK_FALSE(service::listens_at(ipv4, {.host = "127.0.0.1", .port = 1}));
  CHECK_FALSE(service::listens_at(ipv4, unix_one));
  const UniqueFd both = of_every_host(AF_INET6, 0);
  CHECK(service::listens_at(both, {.host = "127.0.0.1", .port = port_of(both)}));
  CHECK(service::listens_at(both, {.host = "::1", .port = port_of(both)}));
  const UniqueFd ipv6 = of_every_host(AF_INET6, 1);
  CHECK_FALSE(service::listens_at(ipv6, {.host = "127.0.0.1", .port = port_of(ipv6)}));
  CHECK(service::listens_at(ipv6, {.host = "::1", .port = port_of(ipv6)}));
}

TEST_CASE("a socket of one address is not taken for that of another one") {
  const TemporaryFolder folder;
  const config::Address unix_one{.path = (folder / "s").string()};
  const Listener unix_listener = good(Listener::open(unix_one, {}));
  CHECK(service::is_bound_to(unix_listener.socket(), unix_one));
  CHECK_FALSE(service::is_bound_to(unix_listener.socket(), {.path = (folder / "t").string()}));
  CHECK_FALSE(service::is_bound_to(unix_listener.socket(), {.host = "127.0.0.1", .port = 1}));
  for (const std::string every : {"0.0.0.0", "::"}) {
    const UniqueFd socket(::socket(every == "::" ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::listen(socket.get(), 1) == 0);  // at a free port of every address
    const auto port = port_of(socket);
    CHECK(service::is_bound_to(socket, {.host = every, .port = port}));
    CHECK_FALSE(service::is_bound_to(socket, {.host = every, .port = 1}));
    CHECK_FALSE(service::is_bound_to(socket, {.host = "127.0.0.1", .port = port}));
    CHECK_FALSE(service::is_bound_to(socket, {.host = "::1", .port = port}));
    CHECK_FALSE(service::is_bound_to(socket, unix_one));
  }
}

TEST_CASE("the file of a listener can stay") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  good(Listener::open({.path = path}, {})).leave_file();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE(
    "a unix socket that is created while other threads run has its mode before it accepts connections") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  const Listener listener = good(Listener::open({.path = path}, {.mode = 0600}, service::Threads::running));
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  CHECK(can_connect(path));
}
