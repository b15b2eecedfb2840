// Tests without a web server; the rest is in tests/e2e/http.
#include "http/fetcher.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::http;
using namespace starttls::test;
using namespace std::chrono_literals;
using starttls::event::Loop;
using starttls::event::spawn;
using starttls::event::Task;
using starttls::event::Timer;
using starttls::event::when_all;

namespace {

// Connections to it wait for ever; once it is closed, connections are refused.
class Mute {
 public:
  Mute() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    auto& generic = reinterpret_cast<sockaddr&>(address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), &generic, size) == 0);
    REQUIRE(::listen(socket_.get(), 100) == 0);
    REQUIRE(::getsockname(socket_.get(), &generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  std::uint16_t port() const { return port_; }
  void close() { socket_.reset(); }
  bool somebody_came() const { return UniqueFd(::accept(socket_.get(), nullptr, nullptr)).get() >= 0; }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

std::unique_ptr<Fetcher> new_fetcher(Loop& loop, FetcherSettings settings) {
  settings.private_addresses = true;
  return good(Fetcher::create(loop, settings));
}

PageRequest page_of(std::string host, std::vector<std::string> addresses) {
  return {.host = std::move(host), .path = "/policy", .addresses = std::move(addresses)};
}

PageRequest page_of(std::string host) {
  return page_of(std::move(host), {"127.0.0.1"});
}

Page get(const FetcherSettings& settings, PageRequest request) {
  Loop loop;
  const auto fetcher = good(Fetcher::create(loop, settings));
  return loop.run_until_complete(fetcher->get(std::move(request)));
}

void refuses_address(const PageRequest& request, std::string_view reason) {
  const Page page = get({}, request);
  CHECK(page.error == FetchError::address);
  CHECK(page.reason == reason);
  CHECK(page.status == 0);
}

}  // namespace

TEST_CASE("names are never resolved: without an address there is no page") {
  refuses_address(page_of("localhost", {}), "no address");
  refuses_address(page_of("a.test", {"127.0.0.1", "localhost"}), "not an address: localhost");
  refuses_address(page_of("a.test", {"8.8.8.8,127.0.0.1"}), "not an address: 8.8.8.8,127.0.0.1");
  refuses_address(page_of("a.test", {"\x1b[31m"}), "not an address: \\x1b[31m");
}

TEST_CASE("no connection is made if no address is public, unless that is allowed") {
  const Mute server;
  const FetcherSettings strict{.port = server.port(), .total = 100ms};
  const Page page = get(strict, page_of("a.test", {"127.0.0.1", "::1", "10.0.0.1"}));
  CHECK(page.error == FetchError::address);
  CHECK(page.reason == "no address of the public Internet: 127.0.0.1");
  CHECK_FALSE(server.somebody_came());
  const FetcherSettings lax{.port = server.port(), .private_addresses = true, .total = 100ms};
  CHECK(get(lax, page_of("a.test")).error == FetchError::timeout);
  CHECK(server.somebody_came());
}

TEST_CASE("if the addresses belong to another name than the one curl connects to, it resolves none") {
  const FetcherSettings settings{.port = 1, .private_addresses = true, .total = 1000ms};
  const Page page = get(settings, page_of("user@localhost", {"127.0.0.1"}));
  CHECK(page.error == FetchError::address);
  CHECK(page.reason == "no address that can be connected to");
}

TEST_CASE("a refused connection is reported as such") {
  Mute server;
  server.close();
  const Page page = get({.port = server.port(), .private_addresses = true}, page_of("a.test"));
  CHECK(page.error == FetchError::connection);
  CHECK(page.reason == "Connection refused");
}

TEST_CASE("addresses that refuse are skipped at once") {
  Mute server;
  server.close();
  const FetcherSettings settings{.port = server.port(), .private_addresses = true};
  const auto begin = std::chrono::steady_clock::now();
  const Page page =
      get(settings, page_of("a.test", {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "127.0.0.4"}));
  CHECK(page.reason == "Connection refused");
  CHECK(std::chrono::steady_clock::now() - begin < 2s);  // curl's own pauses add up to nine
}

TEST_CASE("a host has at most sixteen addresses") {
  const Mute server;
  const FetcherSettings settings{.port = server.port(), .private_addresses = true, .total = 100ms};
  std::vector<std::string> addresses(15, "127.0.0.2");
  addresses.emplace_back("127.0.0.1");
  CHECK(get(settings, page_of("a.test", addresses)).error == FetchError::timeout);
  addresses.insert(addresses.begin(), "127.0.0.2");
  CHECK(get(settings, page_of("a.test", addresses)).reason == "Connection refused");
}

TEST_CASE("a CA file that cannot be used is reported at once") {
  const TemporaryFolder folder;
  write(folder / "empty.pem", "");
  Loop loop;
  for (const char* name : {"empty.pem", "none.pem", ""}) {
    const Error error = bad(Fetcher::create(loop, {.ca_file = folder / name}));
    CHECK(error.fault == Fault::config);
    CHECK(error.message.starts_with("the CA file cannot be used: "));
  }
}

TEST_CASE("the time limit does not run while a fetch waits for its turn") {
  const Mute server;
  FetcherSettings one_at_once{.port = server.port(), .total = 100ms};
  FetcherSettings one_per_address = one_at_once;
  one_at_once.max_concurrent = 1;
  one_per_address.max_per_address = 1;
  for (const FetcherSettings* settings : {&one_at_once, &one_per_address}) {
    Loop loop;
    const auto fetcher = new_fetcher(loop, *settings);
    std::vector<Task<Page>> tasks;
    for (const char* host : {"a.test", "b.test", "c.test"}) tasks.push_back(fetcher->get(page_of(host)));
    const auto begin = std::chrono::steady_clock::now();
    const auto pages = loop.run_until_complete(when_all(std::move(tasks)));
    CHECK(std::chrono::steady_clock::now() - begin >= 300ms);
    for (const Page& page : pages) CHECK(page.error == FetchError::timeout);
  }
}

namespace {

// Asks for the next page as soon as it has one.
Task<> ask_twice(Fetcher& fetcher, std::vector<Page>& pages) {
  for (int i = 0; i < 2; ++i) {
    Page page = co_await fetcher.get(page_of("a.test"));
    pages.push_back(std::move(page));
  }
}

Task<std::size_t> ask_often(Fetcher& fetcher, int times, std::vector<Page>& pages) {
  for (int i = 0; i < times; ++i) co_await ask_twice(fetcher, pages);
  co_return pages.size();
}

Task<int> ask_hosts(Fetcher& fetcher, int count) {
  for (int i = 0; i < count; ++i) {
    PageRequest request = page_of(fmt::format("h{}.test", i));
    co_await fetcher.get(std::move(request));
  }
  co_return count;
}

Task<Page> ask_and_end(std::unique_ptr<Fetcher>& fetcher) {
  Page page = co_await fetcher->get(page_of("a.test"));
  fetcher.reset();
  co_return page;
}

void let_run(Loop& loop, std::chrono::milliseconds time) {
  Timer timer(loop, [&loop] { loop.stop(); });
  timer.start(time);
  loop.run();
}

}  // namespace

TEST_CASE("fetches that run, wait or start while the fetcher is destroyed are answered then") {
  const Mute server;
  Loop loop;
  auto fetcher = new_fetcher(loop, {.port = server.port(), .max_concurrent = 2, .max_per_address = 1});
  std::vector<Page> pages;
  for (int i = 0; i < 3; ++i) spawn(ask_twice(*fetcher, pages));
  let_run(loop, 10ms);
  CHECK(pages.empty());
  fetcher.reset();
  REQUIRE(pages.size() == 6);
  for (const Page& page : pages) {
    CHECK(page.error == FetchError::connection);
    CHECK(page.reason == "given up");
  }
}

TEST_CASE("a caller that has its page may destroy the fetcher, and the others are answered") {
  Mute server;
  server.close();
  Loop loop;
  auto fetcher = new_fetcher(loop, {.port = server.port(), .max_concurrent = 1});
  std::vector<Task<Page>> tasks;
  tasks.push_back(ask_and_end(fetcher));
  tasks.push_back(fetcher->get(page_of("b.test")));
  tasks.push_back(fetcher->get(page_of("c.test")));
  const auto pages = loop.run_until_complete(when_all(std::move(tasks)));
  CHECK(fetcher == nullptr);
  CHECK(pages[0].reason == "Connection refused");
  CHECK(pages[2].reason == "given up");
}

TEST_CASE("one task may fetch one page after the other") {
  Mute server;
  server.close();
  Loop loop;
  const auto fetcher = new_fetcher(loop, {.port = server.port()});
  std::vector<Page> pages;
  CHECK(loop.run_until_complete(ask_often(*fetcher, 50, pages)) == 100);
  for (const Page& page : pages) CHECK(page.reason == "Connection refused");
}

TEST_CASE("curl's entries about a host are freed with its page") {
  Mute server;
  server.close();
  Loop loop;
  const auto fetcher = new_fetcher(loop, {.port = server.port()});
  loop.run_until_complete(ask_hosts(*fetcher, 500));
  const std::size_t before = ::mallinfo2().uordblks;
  loop.run_until_complete(ask_hosts(*fetcher, 3000));
  CHECK(::mallinfo2().uordblks < before + 100'000);  // curl's entries of 3,000 names take 600,000 bytes
}
