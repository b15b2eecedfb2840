#include "service/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using service::Listener;
using service::parse_address;

namespace {

bool can_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TEST_CASE("addresses of sockets are read") {
  const auto same = [](std::string_view text) { CHECK(service::to_text(good(parse_address(text))) == text); };
  same("unix:/run/starttls-toolkit/socketmap.sock");
  same("inet:127.0.0.1:8461");
  same("inet:localhost:1");
  same("inet:[::1]:65535");
  const auto wrong = [](std::string_view text) {
    CAPTURE(text);
    CHECK(bad(parse_address(text)).fault == Fault::config);
  };
  wrong("");
  wrong("unix:");
  wrong("unix:/");
  wrong("unix:relative");
  wrong("unix:/run/");
  wrong("/run/socket");
  wrong("inet:");
  wrong("inet:127.0.0.1");
  wrong("inet::8461");
  wrong("inet:[]:8461");
  wrong("inet:[127.0.0.1]:8461");
  wrong("inet:::1:8461");
  wrong("inet:127.0.0.1:0");
  wrong("inet:127.0.0.1:65536");
  wrong("inet:127.0.0.1:+1");
  wrong("inet:127.0.0.1:1x");
  wrong("inet:8461@127.0.0.1");
  wrong(std::string_view("unix:/a\0b", 9));
}

TEST_CASE("a unix socket has its mode, lets in, and goes with its owner") {
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

TEST_CASE("a socket that a dead process left is replaced, and nothing else is") {
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

TEST_CASE("a name without an address cannot be listened at") {
  CHECK(bad(Listener::open({.host = "192.0.2.1", .port = 9}, {})).fault == Fault::unavailable);
}

TEST_CASE("without systemd there are no sockets of its") {
  CHECK(good(service::activated_sockets()).empty());
}
