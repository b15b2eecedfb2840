#include "service/page_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/listener.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

// The answer to these bytes until the connection is closed.
std::string exchange(event::Loop& loop, const std::string& path, const std::string& bytes) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const TemporaryFolder unused;
  struct {
    sa_family_t family = AF_UNIX;
    char path[108] = {};
  } address;
  path.copy(address.path, sizeof address.path - 1);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::send(socket.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string all;
  const event::DescriptorWatcher watch(loop, socket.get(), event::DescriptorWatcher::For::reading, [&] {
    std::string some(4096, '\0');
    const ssize_t count = ::read(socket.get(), some.data(), some.size());
    if (count <= 0) return loop.stop();
    all.append(some, 0, static_cast<std::size_t>(count));
  });
  loop.run();
  return all;
}

}  // namespace

TEST_CASE("the page is written for each request, and there is no other page") {
  const TemporaryFolder folder;
  const std::string path = (folder / "s").string();
  auto listener = good(service::Listener::open({.path = path}, {}));
  event::Loop loop;
  int made = 0;
  const auto server = good(service::PageServer::create(
      loop, listener.take_socket(), {.path = "/metrics", .content_type = "text/plain", .text = [&] {
                                       return fmt::format("page {}\n", ++made);
                                     }}));
  const std::string end = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string first = exchange(loop, path, "GET /metrics" + end);
  CHECK_THAT(first, Catch::Matchers::StartsWith("HTTP/1.1 200 OK\r\n") &&
                        Catch::Matchers::ContainsSubstring("Content-Type: text/plain\r\n") &&
                        Catch::Matchers::EndsWith("\r\npage 1\n"));
  CHECK_THAT(exchange(loop, path, "GET /metrics?x=1" + end), Catch::Matchers::EndsWith("page 2\n"));
  CHECK_THAT(exchange(loop, path, "GET /" + end), Catch::Matchers::StartsWith("HTTP/1.1 404"));
  CHECK_THAT(exchange(loop, path, "GET /metrics/x" + end), Catch::Matchers::StartsWith("HTTP/1.1 404"));
  CHECK_THAT(exchange(loop, path, "POST /metrics" + end),
             Catch::Matchers::StartsWith("HTTP/1.1 4") || Catch::Matchers::StartsWith("HTTP/1.1 5"));
  CHECK_THAT(exchange(loop, path, "garbage\r\n\r\n"),
             Catch::Matchers::StartsWith("HTTP/1.") || Catch::Matchers::Equals(""));
  CHECK(made == 2);
}
