#include "listtool/serve/server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;
using namespace std::chrono_literals;

namespace {

std::string request(std::string_view key) {
  return netstring(fmt::format("postfix {}", key));
}

// A server on a unix socket, and its questions.
struct Scene {
  explicit Scene(ServerLimits limits = {}, AnswererLimits of_answerer = {})
      : answerer(of_answerer, counters,
                 [this](LookupRequest question) { questions.push_back(std::move(question)); }),
        server(loop, listen(), answerer, counters, [this] { return now; }, limits) {}

  std::vector<UniqueFd> listen() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), address_view(), sizeof address()) == 0);
    REQUIRE(::listen(socket.get(), 1000) == 0);
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(socket));
    return sockets;
  }
  sockaddr_un& address() {
    place.sun_family = AF_UNIX;
    (folder / "s").string().copy(place.sun_path, sizeof place.sun_path - 1);
    return place;
  }
  const sockaddr* address_view() { return reinterpret_cast<const sockaddr*>(&address()); }

  UniqueFd connect() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), address_view(), sizeof address()) == 0);
    return socket;
  }

  // Lets the server do everything that it can do now.
  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) {
      loop.post([this] { loop.stop(); });
      loop.run();
    }
  }
  void send(const UniqueFd& socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
      if (count < 0) REQUIRE(errno == EAGAIN);
      turn(1);
    }
    turn();
  }
  // What has arrived so far; "|" at the end if the server has closed.
  std::string receive(const UniqueFd& socket) {
    std::string all;
    std::string some(65536, '\0');
    for (int quiet = 0; quiet < 3;) {
      const ssize_t count = ::read(socket.get(), some.data(), some.size());
      if (count == 0) return all + "|";
      if (count < 0 && errno != EAGAIN) return all + "!";
      quiet = count < 0 ? quiet + 1 : 0;
      if (count > 0) all.append(some, 0, static_cast<std::size_t>(count));
      turn(1);
    }
    return all;
  }
  void tell(std::string_view domain, std::string_view text) {
    auto replies = std::make_shared<Replies>();
    for (Reply& reply : replies->of) reply = {.bytes = netstring(text), .outcome = Outcome::policy};
    replies->fresh_until = replies->usable_until = now + 1h;
    answerer.deliver({.next_hop = test::good(DomainName::parse(domain)), .replies = replies});
  }
  void know(std::string_view domain, std::string_view text) {
    const UniqueFd socket = connect();
    send(socket, request(domain));
    tell(domain, text);
    turn();
  }

  test::TemporaryFolder folder;
  sockaddr_un place{};
  Time now = test::at("2026-11-22T12:00:00Z");
  event::Loop loop;
  Counters counters;
  std::vector<LookupRequest> questions;
  Answerer answerer;
  Server server;
};

}  // namespace

TEST_CASE("replies are in the order of the requests, whatever is known first") {
  Scene scene;
  scene.know("known.example", "OK known");
  const UniqueFd socket = scene.connect();
  scene.send(socket, request("known.example") + request("a.example") + request("known.example") +
                         request(".x") + request("b.example") + request("a.example"));
  CHECK(scene.receive(socket) == "8:OK known,");
  scene.tell("b.example", "OK b");
  CHECK(scene.receive(socket).empty());
  scene.tell("a.example", "OK a");
  CHECK(scene.receive(socket) == "4:OK a,8:OK known,9:NOTFOUND ,4:OK b,4:OK a,");
  scene.send(socket, request("known.example"));
  CHECK(scene.receive(socket) == "8:OK known,");
}

TEST_CASE("a request that arrives byte by byte is one request") {
  Scene scene;
  scene.know("known.example", "OK known");
  const UniqueFd socket = scene.connect();
  const std::string bytes = request("known.example") + request(".x");
  std::string replies;
  for (const char byte : bytes) {
    scene.send(socket, {&byte, 1});
    replies += scene.receive(socket);
  }
  CHECK(replies == "8:OK known,9:NOTFOUND ,");
}

TEST_CASE("ten thousand requests at once get ten thousand replies") {
  Scene scene;
  scene.know("known.example", "OK known");
  const UniqueFd socket = scene.connect();
  std::string bytes, expected;
  for (int i = 0; i < 10'000; ++i) {
    bytes += request(i % 3 == 0 ? "known.example" : ".x");
    expected += i % 3 == 0 ? "8:OK known," : "9:NOTFOUND ,";
  }
  std::string replies;
  for (std::string_view rest = bytes; !rest.empty();) {
    scene.send(socket, rest.substr(0, 100'000));
    rest.remove_prefix(std::min<std::size_t>(rest.size(), 100'000));
    replies += scene.receive(socket);
  }
  CHECK(replies + scene.receive(socket) == expected);
}

TEST_CASE("after garbage the replies that are due are still sent, then the connection is closed") {
  Scene scene;
  scene.know("known.example", "OK known");
  int times = 0;
  const auto bad = [&](std::string_view garbage) {
    const std::string slow = fmt::format("slow{}.example", ++times);
    const UniqueFd socket = scene.connect();
    scene.send(socket,
               request("known.example") + request(slow) + std::string(garbage) + request("known.example"));
    CHECK(scene.receive(socket) == "8:OK known,");
    scene.tell(slow, "OK slow");
    CHECK(scene.receive(socket) == "7:OK slow,|");
    CHECK(scene.counters.malformed.value() == static_cast<std::uint64_t>(times));
  };
  bad("x");
  bad("007:map a.b,");
  bad("3:abc,");
  bad("3:a b;");
  bad("100000:");
  bad("GET / HTTP/1.1\r\n");
}

TEST_CASE("a peer that does not read is not read from, and finally gets everything") {
  Scene scene;
  scene.know("known.example", "OK " + std::string(10'000, 'x'));
  const UniqueFd socket = scene.connect();
  const int small = 4096;
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  const std::string one = request("known.example");
  std::size_t sent = 0;
  for (int quiet = 0; quiet < 10;) {
    const ssize_t count = ::send(socket.get(), one.data(), one.size(), MSG_NOSIGNAL);
    quiet = count < 0 ? quiet + 1 : 0;
    if (count > 0) sent += static_cast<std::size_t>(count);
    scene.turn(1);
    REQUIRE(sent < 10'000'000);
  }
  const std::size_t replies = sent / one.size();
  REQUIRE(replies > 10);
  std::size_t received = 0;
  while (true) {
    const std::string some = scene.receive(socket);
    if (some.empty()) break;
    received += some.size();
  }
  CHECK(received == replies * (10'003 + 7));
}

TEST_CASE("at most unread_limit and one of the replies that wait for an earlier one are kept") {
  Scene scene;
  scene.know("large.example", "OK " + std::string(50'000, 'x'));
  const UniqueFd socket = scene.connect();
  std::string requests = request("slow.example");
  for (int i = 0; i < 90; ++i) requests += request("large.example");
  scene.send(socket, requests);
  CHECK(scene.receive(socket).empty());
  CHECK(scene.counters.connections_bytes.value() < max_unread_bytes + 50'000 + requests.size() + 1'000);
  scene.tell("slow.example", "OK slow");
  const std::string replies = scene.receive(socket);
  CHECK(replies.starts_with("7:OK slow,50003:OK x"));
  CHECK(replies.size() == 10 + 90 * (50'003 + 7));
  CHECK(scene.counters.connections_bytes.value() == 0);
}

TEST_CASE("a lookup for a connection without space is answered \"try again\", in its order") {
  Scene scene;
  const UniqueFd socket = scene.connect();
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += request(fmt::format("d{}.example", i));
  scene.send(socket, requests);
  const std::string large = "OK " + std::string(40'000, 'x');
  for (int i = 4; i >= 0; --i) scene.tell(fmt::format("d{}.example", i), large);
  const std::string no_room = netstring("TEMP too many replies wait for their turn");
  const std::string whole = netstring(large);
  // The first needs no space; of the others, the last two filled it.
  CHECK(scene.receive(socket) == whole + no_room + no_room + whole + whole);
  CHECK(scene.counters.overloaded.value() == 2);
}

TEST_CASE("peers that do not read are closed if all hold too much, one that reads, or waits, is served") {
  constexpr std::size_t most = 1'000'000;
  Scene scene({.max_held_bytes = most});
  scene.know("known.example", "OK " + std::string(10'000, 'x'));
  const UniqueFd waits = scene.connect();
  scene.send(waits, request("slow.example"));
  std::vector<UniqueFd> greedy;
  const std::string one = request("known.example");
  for (int i = 0; i < 50; ++i) {
    greedy.push_back(scene.connect());
    for (int quiet = 0; quiet < 3;) {
      quiet = ::send(greedy.back().get(), one.data(), one.size(), MSG_NOSIGNAL) < 0 ? quiet + 1 : 0;
      scene.turn(1);
    }
    REQUIRE(scene.counters.connections_bytes.value() <= most);
    const UniqueFd reads = scene.connect();
    scene.send(reads, one);
    REQUIRE(scene.receive(reads).size() == 10'003 + 7);
  }
  CHECK(scene.counters.connections_clogged.value() > 20);
  scene.tell("slow.example", "OK slow");
  CHECK(scene.receive(waits) == "7:OK slow,");
  greedy.clear();
  scene.turn();
  CHECK(scene.counters.connections_bytes.value() == 0);
}

TEST_CASE("a peer that will send no more gets its replies, then the connection is closed") {
  Scene scene;
  const UniqueFd socket = scene.connect();
  scene.send(socket, request("slow.example") + request(".x") + "3:half");
  REQUIRE(::shutdown(socket.get(), SHUT_WR) == 0);
  scene.turn();
  CHECK(scene.receive(socket).empty());
  scene.tell("slow.example", "OK x");
  CHECK(scene.receive(socket) == "4:OK x,9:NOTFOUND ,|");
  CHECK(scene.server.connections() == 0);
}

TEST_CASE("a peer that disconnects while it waits is removed") {
  Scene scene;
  {
    const UniqueFd socket = scene.connect();
    scene.send(socket, request("slow.example"));
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  scene.turn();
  scene.tell("slow.example", "OK x");
  scene.turn();
  CHECK(scene.server.connections() == 0);
}

TEST_CASE("if the number of connections is at its limit, the longest idle one is closed for a new one") {
  Scene scene({.max_connections = 3});
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 3; ++i) {
    sockets.push_back(scene.connect());
    scene.turn();
  }
  scene.send(sockets[0], request(".x"));
  CHECK(scene.receive(sockets[0]) == "9:NOTFOUND ,");
  const UniqueFd fourth = scene.connect();
  scene.turn();
  CHECK(scene.server.connections() == 3);
  CHECK(scene.receive(sockets[1]) == "|");
  CHECK(scene.receive(sockets[0]).empty());
  scene.send(fourth, request(".x"));
  CHECK(scene.receive(fourth) == "9:NOTFOUND ,");
  CHECK(scene.counters.connections_dropped.value() == 1);
}

TEST_CASE("no waiting client is closed for a new one: the next ones wait, too") {
  Scene scene({.max_connections = 1});
  const UniqueFd first = scene.connect();
  scene.send(first, request("slow.example"));
  const UniqueFd second = scene.connect();
  scene.send(second, request(".x"));
  CHECK(scene.receive(second).empty());
  scene.tell("slow.example", "OK x");
  CHECK(scene.receive(first) == "4:OK x,");
  std::string reply;
  while (reply.empty()) reply = scene.receive(second);
  CHECK(reply == "9:NOTFOUND ,");
}

TEST_CASE("a lack of descriptors closes the longest idle connection and never spins") {
  Scene scene;
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 5; ++i) {
    sockets.push_back(scene.connect());
    scene.turn();
  }
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  UniqueFd late(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // There is no free number below this one.
  const int top = ::dup(0);
  rlimit none{.rlim_cur = static_cast<rlim_t>(top), .rlim_max = before.rlim_max};
  ::close(top);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  REQUIRE(::connect(late.get(), scene.address_view(), sizeof scene.address()) == 0);
  scene.turn();
  const std::size_t connections = scene.server.connections();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(connections == 5);
  CHECK(scene.counters.connections_dropped.value() == 1);
  scene.send(late, request(".x"));
  CHECK(scene.receive(late) == "9:NOTFOUND ,");
}

TEST_CASE("a connection that is idle for too long is closed") {
  Scene scene({.idle_timeout = 50ms});
  const UniqueFd socket = scene.connect();
  std::string seen;
  while (seen.empty()) seen = scene.receive(socket);
  CHECK(seen == "|");
}

TEST_CASE("a waiting client is answered after the time limit") {
  Scene scene({}, {.answer_timeout = 30ms});
  const UniqueFd socket = scene.connect();
  scene.send(socket, request("slow.example"));
  std::string seen;
  while (seen.empty()) seen = scene.receive(socket);
  CHECK(seen == netstring("TEMP still looking the domain up"));
}

TEST_CASE("at the end open requests are answered, and no new connection is accepted") {
  Scene scene;
  const UniqueFd idle = scene.connect();
  const UniqueFd waiting = scene.connect();
  scene.send(waiting, request("slow.example") + request(".x"));
  const UniqueFd asking = scene.connect();
  scene.turn();
  // It is not read before the shutdown starts.
  const std::string bytes = request(".x");
  REQUIRE(::send(asking.get(), bytes.data(), bytes.size(), 0) > 0);
  bool drained = false;
  scene.server.drain(10s, [&] { drained = true; });
  CHECK(scene.receive(idle) == "|");
  CHECK(scene.receive(asking) == "9:NOTFOUND ,|");
  CHECK(!drained);
  const UniqueFd late(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(::connect(late.get(), scene.address_view(), sizeof scene.address()) != 0);
  scene.tell("slow.example", "OK x");
  CHECK(scene.receive(waiting) == "4:OK x,9:NOTFOUND ,|");
  CHECK(drained);
}

TEST_CASE("the shutdown does not wait for ever") {
  Scene scene;
  const UniqueFd waiting = scene.connect();
  scene.send(waiting, request("slow.example"));
  bool drained = false;
  scene.server.drain(10ms, [&] {
    drained = true;
    scene.loop.stop();
  });
  scene.loop.run();
  CHECK(drained);
}
