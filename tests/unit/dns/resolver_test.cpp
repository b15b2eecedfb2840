#include "dns/resolver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <thread>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace std::chrono_literals;
using test::bad;
using test::good;

namespace {

// An address where no server answers: the discard port of the test's own address.
dns::Settings to_nobody() {
  return {.servers = {"127.63.0.1@9"}, .dnssec = false, .timeout = 200ms};
}

// Receives questions and never answers.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {.s_addr = ::htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    address_ = fmt::format("127.0.0.1@{}", ::ntohs(address.sin_port));
  }

  const std::string& address() const { return address_; }

 private:
  UniqueFd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string address_;
};

event::Task<> keep(event::Task<dns::Answer> question, std::optional<dns::Answer>& answer) {
  answer.emplace(co_await question);
}

}  // namespace

TEST_CASE("invalid settings are reported at once") {
  const test::TemporaryFolder folder;
  event::Loop loop;
  const auto fault = [&loop](const dns::Settings& settings) {
    const auto resolver = dns::Resolver::create(loop, settings);
    REQUIRE_FALSE(resolver);
    CHECK(resolver.error().fault == Fault::config);
    return resolver.error().message;
  };
  CHECK(fault({.servers = {"ns.example.org"}, .dnssec = false}).find("'ns.example.org'") !=
        std::string::npos);
  CHECK(fault({.servers = {"::1"}, .stub_zones = {{"test", {"here"}}}, .dnssec = false}).find("'here'") !=
        std::string::npos);
  CHECK(fault({.servers = {"::1"}, .stub_zones = {{"a..b", {"::1"}}}, .dnssec = false}).find("a..b") !=
        std::string::npos);
  CHECK(fault({.servers = {"::1"}, .trust_anchor = folder / "none"}).find("none") != std::string::npos);
  test::write(folder / "empty", "; nothing\n");
  CHECK(fault({.servers = {"::1"}, .trust_anchor = folder / "empty"}).find("no trust anchor") !=
        std::string::npos);
  test::write(folder / "rubbish", "this is no DS record\n");
  CHECK(fault({.servers = {"::1"}, .trust_anchor = folder / "rubbish"}).find("rubbish") != std::string::npos);
}

TEST_CASE("a question ends in time, whichever server answers") {
  event::Loop loop;
  const auto resolver = good(dns::Resolver::create(loop, to_nobody()));
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = loop.run_until_complete(resolver->ask("example.org", dns::Type::a));
  CHECK(answer.status == dns::Status::failed);
  CHECK_FALSE(answer.reason.empty());
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("a text that is no name fails without a question") {
  event::Loop loop;
  const auto resolver = good(dns::Resolver::create(loop, to_nobody()));
  const std::string with_nul("localhost\0.example.org", 22);
  for (const std::string& name : {std::string(), std::string("a..b"), std::string(64, 'a'), with_nul}) {
    const auto answer = loop.run_until_complete(resolver->ask(name, dns::Type::a));
    CHECK(answer.status == dns::Status::failed);
    CHECK(answer.reason.find("is no name") != std::string::npos);
  }
}

TEST_CASE("localhost is answered without a question") {
  event::Loop loop;
  const auto resolver = good(dns::Resolver::create(loop, to_nobody()));
  const auto answer = loop.run_until_complete(resolver->ask("localhost", dns::Type::a));
  CHECK(answer.addresses == std::vector<std::string>{"127.0.0.1"});
}

TEST_CASE("a resolver that is destroyed answers all questions first, also waiting ones") {
  event::Loop loop;
  dns::Settings settings = to_nobody();
  settings.max_questions = 1;
  auto resolver = good(dns::Resolver::create(loop, settings));
  std::optional<dns::Answer> asked;
  std::optional<dns::Answer> waiting;
  event::spawn(keep(resolver->ask("a.example.org", dns::Type::a), asked));
  event::spawn(keep(resolver->ask("b.example.org", dns::Type::a), waiting));
  resolver.reset();
  for (const auto& answer : {asked, waiting}) {
    REQUIRE(answer);
    CHECK(answer->status == dns::Status::failed);
    CHECK(answer->reason.find("the program ends") != std::string::npos);
  }
}

TEST_CASE("a slow question is postponed if another waits for its turn, and only then") {
  const SilentServer silent;
  event::Loop loop;
  const auto resolver = good(dns::Resolver::create(loop, {.servers = {silent.address()},
                                                          .dnssec = false,
                                                          .timeout = 400ms,
                                                          .max_questions = 1,
                                                          .preempt_after = 50ms}));
  std::vector<event::Task<dns::Answer>> questions;
  for (const char* const name : {"a.example.org", "b.example.org"}) {
    questions.push_back(resolver->ask(name, dns::Type::a));
  }
  const auto answers = loop.run_until_complete(event::when_all(std::move(questions)));
  CHECK(answers[0].put_off);
  CHECK(answers[0].status == dns::Status::failed);
  CHECK(answers[0].reason == "no answer yet, and others wait for their turn");
  CHECK_FALSE(answers[1].put_off);
  CHECK(answers[1].reason == "no answer in 400 ms");
}

TEST_CASE("a slow question is not postponed for others that wait only until answers are taken") {
  const SilentServer silent;
  std::vector<std::optional<dns::Answer>> answers(200);
  event::Loop loop;
  const auto resolver = good(dns::Resolver::create(
      loop, {.servers = {silent.address()}, .dnssec = false, .timeout = 400ms, .preempt_after = 50ms}));
  event::Timer ask_many(loop, [&] {
    for (auto& answer : answers) event::spawn(keep(resolver->ask("localhost", dns::Type::a), answer));
  });
  ask_many.start(100ms);
  const auto slow = loop.run_until_complete(resolver->ask("a.example.org", dns::Type::a));
  CHECK_FALSE(slow.put_off);
  CHECK(slow.reason == "no answer in 400 ms");
}

TEST_CASE("an answer may destroy the resolver that gave it") {
  event::Loop loop;
  auto resolver = good(dns::Resolver::create(loop, to_nobody()));
  const auto ask_and_end = [](std::unique_ptr<dns::Resolver>& mine) -> event::Task<bool> {
    const dns::Answer answer = co_await mine->ask("localhost", dns::Type::a);
    mine.reset();
    co_return answer.status == dns::Status::found;
  };
  CHECK(loop.run_until_complete(ask_and_end(resolver)));
}

TEST_CASE("resolvers of several threads may be created and destroyed at the same time") {
  std::vector<std::thread> threads;
  std::array<int, 4> found{};
  for (int& mine : found) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 20; ++i) {
        event::Loop loop;
        const auto resolver = dns::Resolver::create(loop, to_nobody());
        if (!resolver) return;
        const auto answer = loop.run_until_complete((*resolver)->ask("localhost", dns::Type::a));
        mine += answer.status == dns::Status::found ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found == std::array{20, 20, 20, 20});
}
