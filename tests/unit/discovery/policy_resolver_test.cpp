#include "discovery/policy_resolver.h"

#include <functional>
#include <map>

#include "event/loop.h"
#include "sqlite/sqlite.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
using mtasts::PolicyState;

namespace {

const DomainName domain = good(DomainName::parse("example.org"));
const Time start = at("2026-11-22T12:00:00Z");

std::string text_of(std::string_view mx) {
  return fmt::format("version: STSv1\nmode: enforce\nmx: {}\nmax_age: 604800\n", mx);
}

PolicyState enforced(std::string_view mx, Time fetched) {
  const std::string text = text_of(mx);
  return mtasts::after_fetch({}, domain, "a", {.policy = mtasts::read_policy(text).policy, .text = text},
                             fetched);
}

// One domain, with a policy host that is down unless the test sets otherwise.
class World {
 public:
  explicit World(discovery::PolicyResolverSettings settings = {.dane = false})
      : cache(mtastsdb::Cache::open_or_fall_back(folder / "c", start).cache),
        policy_resolver(
            {.ask = [this](std::string name, dns::Type type) { return ask(std::move(name), type); },
             .get = [this](http::PageRequest) { return get(); }},
            cache, &verdicts, [this] { return now; }, settings) {}

  std::shared_ptr<const discovery::DomainFacts> examine() {
    return loop.run_until_complete(policy_resolver.examine(domain));
  }
  // The content of the file, as another process sees it.
  PolicyState kept() {
    auto other = good(mtastsdb::Cache::open(folder / "c"));
    return good(other.find(domain)).value_or(PolicyState{});
  }
  void keep_as_others_do(const PolicyState& policy_state) {
    good(good(mtastsdb::Cache::open(folder / "c")).keep(domain, policy_state, now));
  }
  void change(const std::string& sql) {
    good(good(sqlite::Database::open(folder / "c", sqlite::OpenMode::read_write)).execute(sql));
  }

  TemporaryFolder folder;
  starttls::event::Loop loop;
  Time now = start;
  std::map<dns::Type, dns::Answer> answers{
      {dns::Type::txt, {.status = dns::Status::found, .texts = {"v=STSv1; id=b"}, .ttl = 300s}},
      {dns::Type::a, {.status = dns::Status::found, .addresses = {"192.0.2.1"}, .ttl = 300s}},
      {dns::Type::aaaa, {.status = dns::Status::nodata, .ttl = 300s}}};
  http::Page page{.error = http::FetchError::timeout, .reason = "no answer"};
  std::function<void()> meanwhile = [] {};  // while the policy host is asked
  int asked = 0;
  mtastsdb::Cache cache;
  discovery::DaneStore verdicts = discovery::DaneStore::open_or_fall_back(folder / "dane").store;
  discovery::PolicyResolver policy_resolver;

 private:
  starttls::event::Task<dns::Answer> ask(std::string name, dns::Type type) {
    if (type == dns::Type::txt) ++asked;
    co_await starttls::event::sleep_for(loop, 1ms);
    dns::Answer answer = answers.contains(type) ? answers.at(type) : dns::Answer{.reason = "SERVFAIL"};
    if (answer.canonical_name.empty()) answer.canonical_name = name;
    co_return answer;
  }
  starttls::event::Task<http::Page> get() {
    co_await starttls::event::sleep_for(loop, 1ms);
    meanwhile();
    co_return page;
  }
};

}  // namespace

TEST_CASE("requests about a domain at the same time share one examination") {
  World world;
  std::vector<starttls::event::Task<std::shared_ptr<const discovery::DomainFacts>>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(world.policy_resolver.examine(domain));
  const auto facts = world.loop.run_until_complete(starttls::event::when_all(std::move(tasks)));
  CHECK(world.asked == 1);
  CHECK((facts[0] == facts[1] && facts[1] == facts[2]));
  CHECK(world.policy_resolver.under_way() == 0);
}

TEST_CASE("results are stored") {
  World world;
  world.page = {.status = 200, .content_type = "text/plain", .body = text_of("mx.example.org")};
  CHECK(world.examine()->mta_sts.policy_state.valid(start) != nullptr);
  CHECK(world.kept().valid(start) != nullptr);
}

TEST_CASE("a re-check that found no record is postponed in the cache, too, and delays no other") {
  for (const auto status : {dns::Status::failed, dns::Status::nxdomain}) {
    World world;
    world.keep_as_others_do(enforced("mx.example.org", start));
    world.answers[dns::Type::txt] = {.status = status};
    world.now = start + 48h;
    REQUIRE(good(world.cache.due(world.now, 10)).size() == 1);
    CHECK(world.examine()->mta_sts.policy_state.valid(world.now) != nullptr);
    CHECK(good(world.cache.due(world.now, 10)).empty());
    CHECK(world.kept().valid(world.now) != nullptr);
    CHECK(world.kept().next_fetch > world.now);
  }
}

TEST_CASE("a policy that another process fetched meanwhile is not replaced by a failed fetch") {
  World world;
  world.meanwhile = [&] { world.keep_as_others_do(enforced("new.example.org", start + 1s)); };
  CHECK(world.examine()->mta_sts.policy_state.valid(start) != nullptr);
  CHECK(world.kept().valid(start) != nullptr);
}

TEST_CASE("a policy that could not be read for a moment is not replaced by a failed fetch either") {
  World world;
  world.keep_as_others_do(enforced("mx.example.org", start - 1h));
  world.change("ALTER TABLE domains RENAME TO hidden");
  world.meanwhile = [&] { world.change("ALTER TABLE hidden RENAME TO domains"); };
  const auto facts = world.examine();
  CHECK(facts->mta_sts.policy_state.valid(start) != nullptr);
  CHECK(facts->mta_sts.policy_state.failure);
  CHECK(world.kept().valid(start) != nullptr);
}

namespace {

dns::Answer mx_answer() {
  return {.status = dns::Status::found,
          .dnssec = dns::Dnssec::secure,
          .mxs = {{10, "mx.example.org"}},
          .ttl = 300s};
}

dns::Answer address_answer() {
  return {
      .status = dns::Status::found, .dnssec = dns::Dnssec::secure, .addresses = {"192.0.2.1"}, .ttl = 300s};
}

dns::Answer tlsa_answer() {
  return {.status = dns::Status::found,
          .dnssec = dns::Dnssec::secure,
          .tlsas = {{3, 1, 1, std::string(32, 'x')}},
          .ttl = 300s};
}

dns::Answer no_tlsa() {
  return {.status = dns::Status::nodata, .dnssec = dns::Dnssec::secure, .ttl = 300s};
}

// A domain whose MX host is bound by DANE.
struct Bound : World {
  Bound() : World({.dane_max_stale = 24h}) {
    answers[dns::Type::txt] = no_tlsa();
    answers[dns::Type::mx] = mx_answer();
    answers[dns::Type::a] = address_answer();
    answers[dns::Type::aaaa] = no_tlsa();
    answers[dns::Type::tlsa] = tlsa_answer();
  }

  std::string status() { return std::string(dane::to_string(examine()->dane->status)); }
};

}  // namespace

TEST_CASE("a verdict that was proven is kept while lookups fail, for its TTL and the configured time") {
  for (const dns::Type lost : {dns::Type::mx, dns::Type::tlsa}) {
    Bound world;
    CHECK(world.status() == "all");
    world.answers.erase(lost);
    CHECK(world.status() == "all");
    world.now = start + 24h + 4min;
    const auto facts = world.examine();
    CHECK(facts->dane->status == dane::DaneStatus::all);
    CHECK(facts->dane->reason.ends_with("SERVFAIL; the MX host has usable TLSA records when last looked up"));
    // It is asked again soon.
    CHECK(facts->fresh_until == world.now + 60s);
    world.now = start + 24h + 5min;
    CHECK(world.status() == "unknown");
  }
}

TEST_CASE("a new proven verdict replaces the old one") {
  Bound world;
  CHECK(world.status() == "all");
  world.answers[dns::Type::tlsa] = no_tlsa();
  CHECK(world.status() == "none");
  CHECK_FALSE(world.policy_resolver.stored_dane(domain));
  world.answers.erase(dns::Type::mx);
  CHECK(world.status() == "unknown");
  world.answers[dns::Type::mx] = mx_answer();
  world.answers[dns::Type::tlsa] = tlsa_answer();
  CHECK(world.status() == "all");
  CHECK(world.policy_resolver.stored_dane(domain)->status == dane::DaneStatus::all);
}

TEST_CASE("the verdict that DANE does not bind a domain is kept if it allows a policy") {
  Bound world;
  world.answers[dns::Type::tlsa] = no_tlsa();
  world.keep_as_others_do(enforced("mx.example.org", start));
  CHECK(world.status() == "none");
  world.answers.erase(dns::Type::mx);
  CHECK(world.status() == "failing");
  Bound listed;
  listed.policy_resolver.is_enforced() = [](const DomainName& of) { return of == domain; };
  listed.answers[dns::Type::tlsa] = no_tlsa();
  CHECK(listed.status() == "none");
  listed.answers.erase(dns::Type::mx);
  CHECK(listed.status() == "failing");
}
