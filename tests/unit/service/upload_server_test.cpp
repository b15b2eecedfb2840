#include "service/upload_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/listener.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// A server at a loopback address, and what it was given.
struct Server {
  explicit Server(service::UploadAnswer wanted = {}) : answer(std::move(wanted)) {
    UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listening.get(), any, size) == 0);
    REQUIRE(::listen(listening.get(), 10) == 0);
    REQUIRE(::getsockname(listening.get(), any, &size) == 0);
    server = good(service::UploadServer::create(
        loop, std::move(listening),
        {.max_size = 100, .content_types = {"a/b", "a/c"}, .take = [this](const service::Upload& upload) {
           client = upload.client;
           type = upload.content_type;
           body = upload.body;
           ++count;
           return answer;
         }}));
  }

  // The answer until the connection is closed.
  std::string exchange(const std::string& bytes) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::send(socket.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    std::string all;
    const event::DescriptorWatcher watch(loop, socket.get(), event::DescriptorWatcher::For::reading, [&] {
      std::string some(4096, '\0');
      const ssize_t got = ::read(socket.get(), some.data(), some.size());
      if (got <= 0) return loop.stop();
      all.append(some, 0, static_cast<std::size_t>(got));
    });
    loop.run();
    return all;
  }

  std::string post(const std::string& fields, const std::string& content = "x") {
    return exchange(
        fmt::format("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
                    fields, content.size(), content));
  }

  service::UploadAnswer answer;
  std::string client, type, body;
  int count = 0;
  sockaddr_in address{};
  event::Loop loop;
  std::unique_ptr<service::UploadServer> server;
};

}  // namespace

TEST_CASE("a document is passed on with its type, and the answer is sent") {
  Server server({.status = 429, .text = "later", .retry_after = std::chrono::seconds(7)});
  const std::string answer = server.post("Content-Type: A/B ; x=y\r\n", "content");
  CHECK(server.body == "content");
  CHECK(server.type == "a/b");
  CHECK_THAT(answer, StartsWith("HTTP/1.1 429 ") && ContainsSubstring("Retry-After: 7\r\n") &&
                         ContainsSubstring("\r\n\r\nlater\n"));
  server.answer = {};
  CHECK_THAT(server.post("Content-Type: a/c\r\n"),
             StartsWith("HTTP/1.1 201 ") && !ContainsSubstring("Retry-After"));
}

TEST_CASE("other types, methods and sizes are refused, and nothing is passed on") {
  Server server;
  for (const char* type : {"", "Content-Type: a/d\r\n", "Content-Type: a/bc\r\n", "Content-Type:\r\n"}) {
    CAPTURE(type);
    CHECK_THAT(server.post(type),
               StartsWith("HTTP/1.1 415 ") && ContainsSubstring("only a/b and a/c are taken"));
  }
  for (const char* method : {"GET", "PUT", "DELETE", "HEAD", "OPTIONS"}) {
    CAPTURE(method);
    CHECK_THAT(server.exchange(fmt::format("{} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method)),
               StartsWith("HTTP/1.1 405 ") && ContainsSubstring("Allow: POST\r\n"));
  }
  CHECK_THAT(server.post("Content-Type: a/b\r\n", std::string(101, 'x')), StartsWith("HTTP/1.1 413 "));
  CHECK(server.count == 0);
  CHECK_THAT(server.post("Content-Type: a/b\r\n", std::string(100, 'x')), StartsWith("HTTP/1.1 201 "));
}

TEST_CASE("the client is the last address that the web server on this host has written") {
  struct Case {
    const char* fields;
    const char* client;
  };
  for (const auto& [fields, client] :
       {Case{"", ""}, Case{"X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
        Case{"x-forwarded-for:198.51.100.1 , 192.0.2.1 \r\n", "192.0.2.1"},
        Case{"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        Case{"X-Forwarded-For: 192.0.2.1, unknown\r\n", ""}, Case{"X-Forwarded-For: 192.0.2.1,\r\n", ""},
        Case{"X-Forwarded-For: [2001:db8::1]:99\r\n", ""}, Case{"Forwarded: for=192.0.2.1\r\n", ""}}) {
    CAPTURE(fields);
    Server server;
    CHECK_THAT(server.post(fields + std::string("Content-Type: a/b\r\n")), StartsWith("HTTP/1.1 201 "));
    CHECK(server.client == client);
  }
}
