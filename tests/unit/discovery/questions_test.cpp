#include "discovery/questions.h"

#include <algorithm>
#include <map>
#include <vector>

#include "discovery/dane_lookup.h"
#include "event/loop.h"
#include "support.h"

using namespace starttls;
using namespace starttls::discovery;
using namespace std::chrono_literals;
using dns::Answer;
using dns::Status;
using dns::Type;
using event::Task;
using test::good;

namespace {

// Domains whose MX hosts have signed addresses and usable TLSA records, unless the test sets otherwise.
struct World {
  explicit World(QuestionLimits limits = {})
      : questions({.ask = [this](std::string name, Type type) { return answer(std::move(name), type); },
                   .get = [this](http::PageRequest) { return page(); }},
                  limits, [this](std::chrono::milliseconds time) { return pause(time); }) {}

  dane::DaneResult examine(const std::string& domain, std::function<void()> waits = [] {}) {
    DomainQuestions asking(questions, good(DomainName::parse(domain)), std::move(waits));
    return loop.run_until_complete(look_up_dane(asking.network().ask, good(DomainName::parse(domain))));
  }
  void has_hosts(const std::string& domain, int count, const std::string& of) {
    auto& hosts = mxs[domain];
    for (int i = 0; i < count; ++i) {
      hosts.push_back({.preference = static_cast<std::uint16_t>(i), .host = fmt::format("mx{}.{}", i, of)});
    }
  }
  std::ptrdiff_t asked_below(std::string_view zone) const {
    return std::ranges::count_if(asked, [&](const std::string& name) { return name.ends_with(zone); });
  }
  std::ptrdiff_t unknown(const dane::DaneResult& verdict) const {
    return std::ranges::count(verdict.hosts, dane::TlsaStatus::unknown, &dane::Host::tlsa);
  }

  event::Loop loop;
  std::map<std::string, std::vector<dns::Mx>> mxs;
  std::map<std::string, std::string> aliases;  // from the end of a name to that of its canonical name
  bool silent_hosts = false;
  std::chrono::seconds ttl{300};
  std::vector<std::string> asked;
  int at_once = 0;
  int max_concurrent = 0;
  std::chrono::milliseconds paused{0};
  Questions questions;

 private:
  Task<> pause(std::chrono::milliseconds time) {
    paused += time;
    co_return;
  }
  Task<http::Page> page() {
    co_await event::sleep_for(loop, 1ms);
    co_return http::Page{.error = http::FetchError::timeout, .reason = "silent"};
  }
  Task<Answer> answer(std::string name, Type type) {
    asked.push_back(name);
    max_concurrent = std::max(max_concurrent, ++at_once);
    co_await event::sleep_for(loop, 1ms);
    --at_once;
    Answer found{.status = Status::found, .dnssec = dns::Dnssec::secure, .canonical_name = name, .ttl = ttl};
    for (const auto& [end, other] : aliases) {
      if (name.ends_with(end)) found.canonical_name = name.substr(0, name.size() - end.size()) + other;
    }
    if (type == Type::mx) found.mxs = mxs[name];
    if (silent_hosts && type != Type::mx) {
      co_return Answer{.status = Status::failed, .reason = "no answer in 3 s"};
    }
    if (type == Type::a || type == Type::aaaa) found.addresses = {"192.0.2.1"};
    if (type == Type::tlsa)
      found.tlsas = {{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')}};
    co_return found;
  }
};

const QuestionLimits with_rate{.rate = QuestionRateLimits{.per_second = 100, .burst = 30, .max_wait = 100ms}};

}  // namespace

TEST_CASE("an ordinary domain is asked about as before") {
  World world(with_rate);
  world.has_hosts("a.test", 4, "provider.test");
  CHECK(world.examine("a.test").status == dane::DaneStatus::all);
  CHECK(world.asked.size() == 1 + 4 * 3);
  CHECK(world.questions.refused() == 0);
}

TEST_CASE("another owner's servers are asked about a few hosts, and the verdict about the rest is unknown") {
  World world;
  world.has_hosts("attacker.test", 20, "victim.test");
  const auto verdict = world.examine("attacker.test");
  CHECK(world.asked_below("victim.test") == 6 * 3);
  CHECK(world.unknown(verdict) == 14);
  CHECK(verdict.status == dane::DaneStatus::some);
}

TEST_CASE("a domain's own hosts may be more, but their number is limited") {
  World world;
  world.has_hosts("big.test", 20, "big.test");
  CHECK(world.unknown(world.examine("big.test")) == 8);
  CHECK(world.asked.size() == 1 + 12 * 3);
}

TEST_CASE("aliases of another owner's names count as hosts of that owner") {
  World world;
  world.has_hosts("attacker.test", 20, "attacker.test");
  world.aliases[".attacker.test"] = ".victim.test";
  world.examine("attacker.test");
  // Of some hosts the addresses are asked for before the first alias is seen.
  CHECK(world.asked.size() <= 1 + 10 * 3);
}

TEST_CASE("the number of questions in progress for one examination is limited") {
  World world({.at_once = 3});
  world.has_hosts("a.test", 6, "provider.test");
  CHECK(world.examine("a.test").status == dane::DaneStatus::all);
  CHECK(world.max_concurrent == 3);
}

TEST_CASE("hosts whose name servers do not answer are given up after a few questions") {
  World world({.slow = 1ms});
  world.silent_hosts = true;
  world.has_hosts("tarpit.test", 20, "tarpit.test");
  const auto verdict = world.examine("tarpit.test");
  CHECK(world.unknown(verdict) == 20);
  CHECK(world.asked.size() <= 1 + 8 + 2);
  World quick;  // SERVFAIL at once costs little
  quick.silent_hosts = true;
  quick.has_hosts("broken.test", 6, "broken.test");
  quick.examine("broken.test");
  CHECK(quick.asked.size() == 1 + 12);
}

TEST_CASE(
    "an owner's servers get a limited number of questions, from all clients and for all domains together") {
  World world({.rate = QuestionRateLimits{.per_second = 1, .burst = 30, .max_wait = 100ms}});
  for (int i = 0; i < 20; ++i) {
    const std::string domain = fmt::format("attacker{}.test", i);
    world.mxs[domain] = {};
    for (int host = 0; host < 5; ++host) {
      world.mxs[domain].push_back({.preference = 1, .host = fmt::format("mx{}-{}.victim.test", i, host)});
    }
    const auto verdict = world.examine(domain);
    CHECK(verdict.status != dane::DaneStatus::none);
  }
  // The burst, the questions that may wait, and those allowed while the test ran.
  CHECK(world.asked_below("victim.test") < 150);
  CHECK(world.questions.refused() > 100);
}

TEST_CASE("twenty thousand domains at the same provider are not limited as a flood") {
  World world(with_rate);
  for (int i = 0; i < 20'000; ++i)
    world.has_hosts(fmt::format("customer{}.test", i), 2, "mail.provider.test");
  std::vector<Task<dane::DaneResult>> all;
  std::deque<DomainQuestions> askings;
  for (int i = 0; i < 20'000; ++i) {
    const DomainName domain = good(DomainName::parse(fmt::format("customer{}.test", i)));
    askings.emplace_back(world.questions, domain, [] {});
    all.push_back(look_up_dane(askings.back().network().ask, domain));
  }
  for (const auto& verdict : world.loop.run_until_complete(event::when_all(std::move(all)))) {
    if (verdict.status != dane::DaneStatus::all) FAIL(verdict.reason);
  }
  CHECK(world.questions.refused() == 0);
  CHECK(world.paused == 0ms);
}

TEST_CASE("a registered domain is looked up, however many questions are about the names below it") {
  World world({.rate = QuestionRateLimits{.per_second = 1, .burst = 1, .max_wait = 0ms}});
  world.has_hosts("owner.test", 2, "owner.test");
  world.has_hosts("sub.owner.test", 2, "owner.test");
  world.examine("random.owner.test");
  CHECK(world.examine("sub.owner.test").status == dane::DaneStatus::unknown);
  CHECK(world.examine("owner.test").status == dane::DaneStatus::all);
}

TEST_CASE("when the DNS questions are done, it is signalled that only the policy host is waited for") {
  World world;
  int said = 0;
  DomainQuestions asking(world.questions, good(DomainName::parse("a.test")), [&] { ++said; });
  const auto network = asking.network();
  world.loop.run_until_complete(network.get({}));
  CHECK(said == 0);
  asking.dane_is_known();
  CHECK(said == 0);
  world.loop.run_until_complete(network.get({}));
  CHECK(said == 1);
}

TEST_CASE("the hosts of many domains do not delay those of one more for long") {
  QuestionLimits limits = with_rate;
  limits.max_concurrent_host_questions = 10;
  limits.slow = 1ms;
  World world(limits);
  world.silent_hosts = true;
  std::vector<Task<dane::DaneResult>> all;
  std::deque<DomainQuestions> askings;
  const auto begin = [&](const std::string& name) {
    const DomainName domain = good(DomainName::parse(name));
    world.has_hosts(name, 20, name);
    askings.emplace_back(world.questions, domain, [] {});
    all.push_back(look_up_dane(askings.back().network().ask, domain));
  };
  for (int i = 0; i < 100; ++i) begin(fmt::format("tarpit{}.test", i));
  world.loop.run_until_complete(event::when_all(std::move(all)));
  CHECK(world.max_concurrent <= 100 + 10);  // with the MX questions
  CHECK(world.asked.size() < 100 * (1 + 10));
}
