#include "discovery/mta_sts_discovery.h"

#include <map>

#include "event/loop.h"
#include "mtasts/examples.h"

using namespace starttls;
using namespace starttls::discovery;
using namespace starttls::mtasts;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time now = at("2026-11-22T12:00:00Z");
const std::string policy = policy_text("enforce", "mx.example.org", 24h);

// Answers after a moment, as a network does, and records the questions.
class World {
 public:
  std::map<std::string, dns::Answer> answers;  // "TYPE NAME"; without an entry the name does not exist
  http::Page page;
  std::map<std::string, http::Page> pages;  // of addresses that have another one
  std::vector<std::string> asked;
  std::optional<http::PageRequest> request;

  void has_record(const std::string& id) {
    answers["16 _mta-sts.example.org"] = {
        .status = dns::Status::found, .texts = {"v=STSv1; id=" + id}, .ttl = 300s};
  }
  void has_address(const std::string& type, std::vector<std::string> addresses) {
    answers[type + " mta-sts.example.org"] = {.status = dns::Status::found,
                                              .addresses = std::move(addresses)};
  }
  void has_trouble(const std::string& question) {
    answers[question] = {.status = dns::Status::failed, .reason = "SERVFAIL"};
  }

  MtaStsDiscovery discover(PolicyState before = {}, FetchMode fetch_mode = FetchMode::when_due,
                           const std::string& domain = "example.org") {
    Lookups network{.ask = [this](std::string name, dns::Type type) { return ask(std::move(name), type); },
                    .get = [this](http::PageRequest wanted) { return get(std::move(wanted)); }};
    return loop_.run_until_complete(discovery::discover(std::move(network), name(domain), std::move(before),
                                                        fetch_mode, [] { return now; }));
  }

 private:
  starttls::event::Task<dns::Answer> ask(std::string name, dns::Type type) {
    const std::string question = fmt::format("{} {}", static_cast<int>(type), name);
    asked.push_back(question);
    co_await starttls::event::sleep_for(loop_, 1ms);
    const auto found = answers.find(question);
    if (found == answers.end()) co_return dns::Answer{.status = dns::Status::nxdomain, .ttl = 60s};
    co_return found->second;
  }

  starttls::event::Task<http::Page> get(http::PageRequest wanted) {
    request = std::move(wanted);
    co_await starttls::event::sleep_for(loop_, 1ms);
    const auto found = pages.find(request->addresses.front());
    co_return found == pages.end() ? page : found->second;
  }

  starttls::event::Loop loop_;
};

// A domain with a valid policy.
struct SoundWorld : World {
  SoundWorld() {
    has_record("a");
    has_address("1", {"192.0.2.1"});
    has_address("28", {"2001:db8::1"});
    page = {.status = 200, .content_type = "text/plain", .body = policy};
  }
};

PolicyState fetched(Time time) {
  return after_fetch({}, name("example.org"), "a", brought(policy), time);
}

}  // namespace

TEST_CASE("record, address and policy give a known domain") {
  SoundWorld world;
  const MtaStsDiscovery found = world.discover();
  CHECK(world.asked == std::vector<std::string>{"16 _mta-sts.example.org", "1 mta-sts.example.org"});
  REQUIRE(world.request);
  CHECK(world.request->host == "mta-sts.example.org");
  CHECK(world.request->path == "/.well-known/mta-sts.txt");
  CHECK(world.request->addresses == std::vector<std::string>{"192.0.2.1"});
  CHECK(found.fetched);
  CHECK(found.record.id == "a");
  CHECK(found.record_reason.empty());
  CHECK(found.record_ttl == 300s);
  REQUIRE(found.policy_state.valid(now));
  CHECK(found.policy_state.policy->id == "a");
  CHECK(found.policy_state.policy->text == policy);
}

TEST_CASE("without a record no other question is asked") {
  World world;
  const MtaStsDiscovery found = world.discover();
  CHECK(world.asked.size() == 1);
  CHECK(found.record.kind == RecordState::Kind::none);
  CHECK(found.record_reason == "there is no TXT record");
  CHECK(found.record_ttl == 60s);
  CHECK(found.policy_state.empty());
  CHECK_FALSE(found.fetched);
}

TEST_CASE("a subdomain inherits no policy: only its own record is asked for") {
  SoundWorld world;
  CHECK(world.discover({}, FetchMode::now, "sub.example.org").policy_state.empty());
  CHECK(world.asked == std::vector<std::string>{"16 _mta-sts.sub.example.org"});
}

TEST_CASE("a new domain with broken DNS has no policy, and that is no failure of its policy host") {
  World world;
  world.has_trouble("16 _mta-sts.example.org");
  const MtaStsDiscovery found = world.discover();
  CHECK(found.record.kind == RecordState::Kind::unknown);
  CHECK(found.record_reason == "SERVFAIL");
  CHECK(found.policy_state.empty());
}

TEST_CASE("a live policy answers while DNS is broken or the record is gone, and nothing is fetched") {
  SoundWorld world;
  const PolicyState before = fetched(now - 23h);
  world.has_trouble("16 _mta-sts.example.org");
  CHECK(world.discover(before).policy_state.valid(now));
  CHECK_FALSE(world.request);
  world.answers.erase("16 _mta-sts.example.org");
  CHECK(world.discover(before, FetchMode::now).policy_state.valid(now));
  CHECK_FALSE(world.request);
}

TEST_CASE("a policy that is not due is not fetched, unless an administrator asks or the id is new") {
  SoundWorld world;
  CHECK_FALSE(world.discover(fetched(now - 1h)).fetched);
  CHECK(world.discover(fetched(now - 1h), FetchMode::now).policy_state.policy->fetched == now);
  CHECK(world.discover(fetched(now - 14h)).policy_state.policy->fetched == now);
  world.has_record("b");
  CHECK(world.discover(fetched(now - 1h)).policy_state.policy->id == "b");
}

TEST_CASE("one kind of addresses suffices, also if the lookup of the other fails") {
  const std::vector<std::string> v4{"192.0.2.1"};
  const std::vector<std::string> v6{"2001:db8::1"};
  SoundWorld world;
  world.answers.erase("28 mta-sts.example.org");
  CHECK(world.discover().policy_state.valid(now));
  world.has_trouble("28 mta-sts.example.org");
  CHECK(world.discover().policy_state.valid(now));
  CHECK(world.request->addresses == v4);
  world.has_address("28", v6);
  world.answers.erase("1 mta-sts.example.org");
  CHECK(world.discover().policy_state.valid(now));
  CHECK(world.request->addresses == v6);
  world.has_trouble("1 mta-sts.example.org");
  CHECK(world.discover().policy_state.valid(now));
  CHECK(world.request->addresses == v6);
}

TEST_CASE("IPv6 is tried where the IPv4 addresses do not lead to the host, and nowhere else") {
  for (const auto& [error, is_tried] :
       {std::pair{http::FetchError::connection, true}, std::pair{http::FetchError::timeout, true},
        std::pair{http::FetchError::address, true}, std::pair{http::FetchError::certificate, false},
        std::pair{http::FetchError::tls, false}, std::pair{http::FetchError::status, false},
        std::pair{http::FetchError::busy, false}}) {
    CAPTURE(error);
    SoundWorld world;
    world.pages["192.0.2.1"] = {.error = error, .reason = "of IPv4"};
    CHECK((world.discover().policy_state.valid(now) != nullptr) == is_tried);
    CHECK(world.request->addresses == std::vector<std::string>{is_tried ? "2001:db8::1" : "192.0.2.1"});
    world.pages["2001:db8::1"] = {.error = http::FetchError::connection, .reason = "of IPv6"};
    const auto failure = world.discover().policy_state.failure;
    CHECK((failure ? failure->reason : "none") == (error == http::FetchError::busy ? "none" : "of IPv4"));
  }
}

TEST_CASE("a policy host without addresses is a failed fetch, and the policy before stays valid") {
  SoundWorld world;
  world.answers.erase("1 mta-sts.example.org");
  world.answers.erase("28 mta-sts.example.org");
  const MtaStsDiscovery none = world.discover(fetched(now - 23h));
  CHECK_FALSE(world.request);
  CHECK(none.fetched);
  REQUIRE(none.policy_state.failure);
  CHECK(none.policy_state.failure->reason == "mta-sts.example.org has no address");
  CHECK(none.policy_state.failure->type == FailureType::fetch_error);
  CHECK(none.policy_state.valid(now));
  world.has_trouble("1 mta-sts.example.org");
  CHECK(world.discover().policy_state.failure->reason ==
        "the addresses of mta-sts.example.org cannot be found out: SERVFAIL");
}

TEST_CASE("a failed fetch has its type, and is not repeated at once") {
  SoundWorld world;
  world.page = {.error = http::FetchError::certificate, .reason = "expired"};
  const MtaStsDiscovery failed = world.discover();
  REQUIRE(failed.policy_state.failure);
  CHECK(failed.policy_state.failure->type == FailureType::webpki_invalid);
  CHECK_FALSE(failed.policy_state.valid(now));
  CHECK_FALSE(world.discover(failed.policy_state).fetched);
}

TEST_CASE("a domain so long that it can have no record has none") {
  World world;
  const std::string label(61, 'a');
  const std::string domain = label + "." + label + "." + label + "." + label.substr(1);
  REQUIRE(domain.size() == 246);
  const MtaStsDiscovery found = world.discover({}, FetchMode::now, domain);
  CHECK(world.asked.empty());
  CHECK(found.record.kind == RecordState::Kind::none);
  CHECK(found.record_reason.ends_with("is longer than a name may be"));
}

TEST_CASE("if others block a fetch or a question, this does not count as a failure of the domain") {
  SoundWorld crowd;
  crowd.page = {.error = http::FetchError::busy, .reason = "too many policy hosts are waited for"};
  SoundWorld question;
  question.has_trouble("1 mta-sts.example.org");
  question.has_trouble("28 mta-sts.example.org");
  question.answers["1 mta-sts.example.org"].put_off = true;
  for (SoundWorld* world : {&crowd, &question}) {
    const MtaStsDiscovery found = world->discover();
    CHECK_FALSE(found.put_off.empty());
    CHECK_FALSE(found.fetched);
    CHECK_FALSE(found.policy_state.failure);
    CHECK(found.record.kind == RecordState::Kind::record);
    const MtaStsDiscovery known = world->discover(fetched(now - 23h));
    CHECK_FALSE(known.put_off.empty());
    CHECK(known.policy_state.valid(now));
    CHECK_FALSE(known.policy_state.failure);
  }
  SoundWorld record;
  record.has_trouble("16 _mta-sts.example.org");
  CHECK(record.discover().put_off.empty());
  record.answers["16 _mta-sts.example.org"].put_off = true;
  CHECK(record.discover().put_off == "SERVFAIL");
}

TEST_CASE("a policy host that answered before is asked with that mark") {
  SoundWorld world;
  world.discover();
  CHECK_FALSE(world.request->is_known);
  world.discover(fetched(now - 23h));
  CHECK(world.request->is_known);
}
