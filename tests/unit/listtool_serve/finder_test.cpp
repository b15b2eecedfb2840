#include "listtool/serve/finder.h"

#include <map>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::listtool::serve;
using namespace std::chrono_literals;

namespace {

DomainName name(std::string_view text) {
  return test::good(DomainName::parse(text));
}

mtasts::PolicyState policy_of(std::string_view mx, Time fetched) {
  const std::string text = fmt::format("version: STSv1\nmode: enforce\nmx: {}\nmax_age: 604800\n", mx);
  auto reading = mtasts::read_policy(text);
  REQUIRE(reading.policy);
  return {.policy =
              mtasts::FetchedPolicy{.policy = *reading.policy, .text = text, .id = "1", .fetched = fetched}};
}

// A finder whose questions are answered by the test.
struct Scene {
  using Examination = event::Completion<std::shared_ptr<const discovery::DomainFacts>>;

  explicit Scene(FinderLimits limits = {})
      : finder(loop,
               {.examine = [this](NextHop next_hop) { return examine(std::move(next_hop)); },
                .known = [this](const DomainName& domain) -> std::optional<mtasts::PolicyState> {
                  const auto found = cache.find(domain.str());
                  return found == cache.end() ? std::nullopt : std::optional(found->second);
                },
                .stored_dane = [this](const NextHop& next_hop) -> std::optional<dane::DaneResult> {
                  const auto found = kept.find(next_hop.str());
                  return found == kept.end() ? std::nullopt : std::optional(found->second);
                },
                .due =
                    [this](std::size_t most) {
                      std::vector<DomainName> some = due;
                      if (some.size() > most)
                        some.erase(some.begin() + static_cast<std::ptrdiff_t>(most), some.end());
                      return some;
                    },
                .version = [this] { return version; }},
               [this] { return now; }, counters, limits,
               {.deliver = [this](LookupResult told) { results.push_back(std::move(told)); },
                .set_generation = [this](std::uint64_t told) { generation = told; }}) {}

  event::Task<std::shared_ptr<const discovery::DomainFacts>> examine(NextHop next_hop) {
    auto& arrival = *(examinations[next_hop.str()] = std::make_unique<Examination>());
    const auto facts = co_await arrival;
    co_return facts;
  }
  std::shared_ptr<discovery::DomainFacts> facts() const {
    auto made = std::make_shared<discovery::DomainFacts>();
    made->dane = dane::DaneResult{.status = dane::DaneStatus::none};
    made->mta_sts.record.kind = mtasts::RecordState::Kind::none;
    made->examined = now;
    made->fresh_until = now + 10min;
    return made;
  }
  void bring(const std::string& domain, std::shared_ptr<const discovery::DomainFacts> made) {
    const auto arrival = std::move(examinations.at(domain));
    examinations.erase(domain);
    arrival->complete(std::move(made));
  }
  void ask(std::string_view domain, std::shared_ptr<const Replies> known = nullptr) {
    finder.look_up({.next_hop = test::good(NextHop::parse(domain)), .known = std::move(known)});
  }
  // Lets real time pass until there is news, for results that wait for a timer.
  void wait_for_news() {
    while (results.empty()) {
      event::Timer look(loop, [this] { loop.stop(); });
      look.start(1ms);
      loop.run();
    }
  }
  LookupResult take() {
    REQUIRE(!results.empty());
    LookupResult first = std::move(results.front());
    results.erase(results.begin());
    return first;
  }
  static std::string text(const LookupResult& told, Dialect dialect = Dialect::postfix) {
    return told.replies->for_dialect(dialect).bytes;
  }

  Time now = test::at("2026-11-22T12:00:00Z");
  event::Loop loop;
  Counters counters;
  std::map<std::string, std::unique_ptr<Examination>> examinations;
  std::map<std::string, mtasts::PolicyState> cache;
  std::map<std::string, dane::DaneResult> kept;
  std::vector<DomainName> due;
  std::int64_t version = 1;
  std::vector<LookupResult> results;
  std::uint64_t generation = 0;
  Finder finder;
};

const std::string none = "9:NOTFOUND ,";
std::string secure(std::string_view mx) {
  return netstring(fmt::format("OK secure match={} servername=hostname", mx));
}

std::shared_ptr<const Lists> overrides(const test::TemporaryFolder& folder, std::string_view text, Time now) {
  test::write(folder / "overrides", text);
  Configuration configuration;
  configuration.state_dir = folder / "state";
  configuration.overrides = folder / "overrides";
  return std::make_shared<Lists>(test::good(Lists::open(configuration, now)));
}

}  // namespace

TEST_CASE("an unknown domain is examined, and its policy answered in each dialect") {
  Scene scene;
  scene.ask("a.test");
  CHECK(scene.results.empty());
  CHECK(scene.finder.under_way() == 1);
  auto facts = scene.facts();
  facts->mta_sts.policy_state = policy_of("mx.a.test", scene.now);
  scene.bring("a.test", facts);
  const LookupResult told = scene.take();
  CHECK(told.last);
  CHECK(told.keep);
  CHECK(Scene::text(told) == secure("mx.a.test"));
  CHECK(Scene::text(told, Dialect::sendmail) == secure("mx.a.test"));
  CHECK(told.replies->fresh_until == facts->fresh_until);
  // By then there may be DANE.
  CHECK(told.replies->usable_until == facts->fresh_until + 1h);
  CHECK(scene.finder.under_way() == 0);
}

TEST_CASE("DANE has precedence with Postfix, and does not matter to Sendmail") {
  Scene scene;
  scene.ask("a.test");
  auto facts = scene.facts();
  facts->dane->status = dane::DaneStatus::all;
  facts->mta_sts.policy_state = policy_of("mx.a.test", scene.now);
  scene.bring("a.test", facts);
  const LookupResult told = scene.take();
  CHECK(Scene::text(told) == "12:OK dane-only,");
  CHECK(Scene::text(told, Dialect::postfix_tlsrpt) == "12:OK dane-only,");
  CHECK(Scene::text(told, Dialect::sendmail) == secure("mx.a.test"));
  CHECK(told.replies->usable_until == facts->fresh_until + 1h);
}

TEST_CASE(
    "the absence of a policy is used a while longer, unless DANE is possible or the absence is uncertain") {
  const auto usable = [](bool dane, mtasts::RecordState::Kind kind) {
    Scene scene({.dane = dane});
    auto facts = scene.facts();
    if (!dane) facts->dane.reset();
    facts->mta_sts.record.kind = kind;
    scene.ask("a.test");
    scene.bring("a.test", facts);
    const LookupResult told = scene.take();
    CHECK(Scene::text(told) == none);
    CHECK(Scene::text(told, Dialect::sendmail) == none);
    CHECK(scene.counters.dns_failures.value() == (kind == mtasts::RecordState::Kind::unknown ? 1 : 0));
    return told.replies->usable_until - facts->fresh_until;
  };
  CHECK(usable(false, mtasts::RecordState::Kind::none) == 1h);
  CHECK(usable(false, mtasts::RecordState::Kind::unknown) == 0s);
  CHECK(usable(true, mtasts::RecordState::Kind::none) == 0s);
}

TEST_CASE("if DANE is unknown Postfix looks itself, and mail that another source protects waits") {
  Scene scene;
  const std::string dane = "7:OK dane,";
  const std::string wait = netstring("TEMP DANE cannot be looked up now");
  struct Case {
    dane::DaneStatus status;
    std::string nothing;
    std::string enforced;
  };
  for (const Case& c : {Case{dane::DaneStatus::unknown, dane, wait},
                        {dane::DaneStatus::failing, dane, secure("mx.a.test")},
                        {dane::DaneStatus::unvalidated, dane, secure("mx.a.test")},
                        {dane::DaneStatus::unusable, dane, secure("mx.a.test")},
                        {dane::DaneStatus::insecure, dane, secure("mx.a.test")},
                        {dane::DaneStatus::none, none, secure("mx.a.test")},
                        {dane::DaneStatus::some, dane, dane}}) {
    CAPTURE(to_string(c.status));
    auto facts = scene.facts();
    facts->dane->status = c.status;
    scene.ask("a.test");
    scene.bring("a.test", facts);
    LookupResult told = scene.take();
    CHECK(Scene::text(told) == c.nothing);
    CHECK(Scene::text(told, Dialect::postfix_tlsrpt) == c.nothing);
    CHECK(Scene::text(told, Dialect::sendmail) == none);
    auto enforced = std::make_shared<discovery::DomainFacts>(*facts);
    enforced->mta_sts.policy_state = policy_of("mx.a.test", scene.now);
    scene.ask("a.test");
    scene.bring("a.test", enforced);
    told = scene.take();
    CHECK(Scene::text(told) == c.enforced);
    CHECK(Scene::text(told, Dialect::sendmail) == secure("mx.a.test"));
    const auto max_stale = c.enforced == wait ? 0s : 1h;
    CHECK(told.replies->usable_until == facts->fresh_until + max_stale);
  }
}

TEST_CASE("mail waits for a policy that is announced and cannot be fetched only if that is configured") {
  const test::TemporaryFolder folder;
  Scene scene;
  auto facts = scene.facts();
  facts->mta_sts.record = {.kind = mtasts::RecordState::Kind::record, .id = "1"};
  facts->mta_sts.policy_state.failure = mtasts::Failure{.type = mtasts::FailureType::webpki_invalid};
  const auto mta_view = [&](const std::string& domain, const std::shared_ptr<discovery::DomainFacts>& about) {
    scene.ask(domain);
    scene.bring(domain, about);
    return scene.take();
  };
  CHECK(Scene::text(mta_view("a.test", facts)) == none);

  scene.finder.use(overrides(folder, "", scene.now), {.hold_without_policy = true});
  const LookupResult held = mta_view("a.test", facts);
  const std::string wait = netstring("TEMP no MTA-STS policy can be fetched: sts-webpki-invalid");
  CHECK(Scene::text(held) == wait);
  CHECK(Scene::text(held, Dialect::sendmail) == wait);
  CHECK(Scene::text(held, Dialect::postfix_tlsrpt) ==
        netstring("OK secure match=a.test servername=hostname policy_type=sts policy_domain=a.test "
                  "policy_failure=sts-webpki-invalid"));
  // Other cases: a record that is gone, a DNS that fails, and a policy that was seen before.
  for (const auto kind : {mtasts::RecordState::Kind::none, mtasts::RecordState::Kind::unknown}) {
    auto other = std::make_shared<discovery::DomainFacts>(*facts);
    other->mta_sts.record.kind = kind;
    CHECK(Scene::text(mta_view("b.test", other)) == none);
  }
  auto seen = std::make_shared<discovery::DomainFacts>(*facts);
  seen->mta_sts.policy_state.policy = policy_of("mx.c.test", scene.now).policy;
  CHECK(Scene::text(mta_view("c.test", seen)) == secure("mx.c.test"));
}

TEST_CASE("an override is answered at once, whatever else is found") {
  const test::TemporaryFolder folder;
  Scene scene;
  scene.finder.use(overrides(folder, "a.test enforce mx.b.test\nn.test none\n", scene.now), {});
  scene.ask("a.test");
  const LookupResult told = scene.take();
  CHECK(told.last);
  CHECK(Scene::text(told) == secure("mx.b.test"));
  CHECK(Scene::text(told, Dialect::sendmail) == secure("mx.b.test"));
  CHECK(told.replies->generation == scene.generation);
  CHECK(told.replies->fresh_until == Time::max());
  scene.ask("n.test");
  CHECK(Scene::text(scene.take()) == none);
  CHECK(scene.examinations.empty());
}

TEST_CASE("Sendmail is answered from the cache at once, Postfix once the DANE verdict is known") {
  Scene scene({.head_start = 1ms});
  scene.cache["a.test"] = policy_of("mx.a.test", scene.now);
  scene.ask("a.test");
  const LookupResult first = scene.take();
  CHECK(!first.last);
  CHECK(Scene::text(first, Dialect::sendmail) == secure("mx.a.test"));
  CHECK(Scene::text(first).empty());
  CHECK(first.replies->usable_until == scene.now + 604800s);
  scene.wait_for_news();
  const LookupResult second = scene.take();
  CHECK(!second.last);
  CHECK(Scene::text(second).empty());
  auto facts = scene.facts();
  facts->dane->status = dane::DaneStatus::all;
  facts->mta_sts.policy_state = scene.cache["a.test"];
  scene.bring("a.test", facts);
  const LookupResult last = scene.take();
  CHECK(last.last);
  CHECK(Scene::text(last) == "12:OK dane-only,");
}

TEST_CASE("a list is no answer for Postfix before the DANE verdict about the domain is known") {
  const test::TemporaryFolder folder;
  Scene scene({.admission = {.max_concurrent = 1, .max_waiting = 0}});
  scene.ask("other.test");
  scene.kept["none.test"] = {.status = dane::DaneStatus::none};
  scene.kept["all.test"] = {.status = dane::DaneStatus::all};
  for (const char* const domain : {"unseen.test", "none.test", "all.test"}) {
    scene.cache[domain] = policy_of("mx.test", scene.now);
    scene.ask(domain);
    const LookupResult busy = scene.take();
    CHECK(Scene::text(busy) == (std::string_view(domain) == "all.test"
                                    ? "12:OK dane-only,"
                                    : netstring("TEMP too many domains are being looked up")));
    CHECK(Scene::text(busy, Dialect::sendmail) == secure("mx.test"));
  }
  scene.bring("other.test", scene.facts());
}

TEST_CASE("without DANE the cache answers all at once, and a list only after a moment") {
  Scene scene({.dane = false});
  scene.cache["a.test"] = policy_of("mx.a.test", scene.now);
  scene.ask("a.test");
  const LookupResult first = scene.take();
  CHECK(!first.last);
  CHECK(Scene::text(first) == secure("mx.a.test"));
  CHECK(Scene::text(first, Dialect::sendmail) == secure("mx.a.test"));
  scene.bring("a.test", scene.facts());
}

TEST_CASE("a proven DANE verdict is the answer while the DNS is slow, also after a restart") {
  Scene scene({.head_start = 1ms});
  scene.kept["a.test"] = {.status = dane::DaneStatus::all};
  scene.cache["a.test"] = policy_of("mx.a.test", scene.now);
  scene.ask("a.test");
  const LookupResult at_once = scene.take();
  CHECK(Scene::text(at_once, Dialect::sendmail) == secure("mx.a.test"));
  CHECK(Scene::text(at_once).empty());
  scene.wait_for_news();
  CHECK(Scene::text(scene.take()) == "12:OK dane-only,");
  // An earlier proof that it has none is no proof for now.
  scene.bring("a.test", scene.facts());
  scene.take();
  scene.kept["b.test"] = {.status = dane::DaneStatus::none};
  scene.ask("b.test");
  scene.bring("b.test", scene.facts());
  CHECK(scene.take().last);
}

TEST_CASE("a new generation is answered from known facts, without asking again") {
  const test::TemporaryFolder folder;
  Scene scene;
  scene.ask("a.test");
  auto facts = scene.facts();
  facts->mta_sts.policy_state = scene.cache["a.test"] = policy_of("mx.a.test", scene.now);
  scene.bring("a.test", facts);
  const auto known = scene.take().replies;
  scene.finder.use(overrides(folder, "b.test none\n", scene.now), {.early_adopter = true});
  CHECK(scene.generation == 1);
  scene.ask("a.test", known);
  const LookupResult told = scene.take();
  CHECK(told.last);
  CHECK(told.replies->generation == 1);
  CHECK(Scene::text(told) == secure("mx.a.test"));
  CHECK(scene.examinations.empty());
}

TEST_CASE("what another process stored, or purged, is detected") {
  Scene scene;
  scene.ask("a.test");
  auto facts = scene.facts();
  facts->mta_sts.policy_state = scene.cache["a.test"] = policy_of("mx.a.test", scene.now);
  scene.bring("a.test", facts);
  const auto known = scene.take().replies;
  scene.finder.tick();
  CHECK(scene.generation == 0);
  scene.cache.clear();
  ++scene.version;
  scene.finder.tick();
  CHECK(scene.generation == 1);
  scene.ask("a.test", known);
  CHECK(scene.results.empty());
  REQUIRE(scene.examinations.contains("a.test"));
  scene.bring("a.test", scene.facts());
  CHECK(Scene::text(scene.take()) == none);
}

TEST_CASE("a stale but usable answer is given first, then the new result") {
  Scene scene;
  scene.ask("a.test");
  auto facts = scene.facts();
  facts->dane->status = dane::DaneStatus::all;
  scene.bring("a.test", facts);
  const auto known = scene.take().replies;
  scene.now += 20min;
  scene.ask("a.test", known);
  const LookupResult first = scene.take();
  CHECK(!first.last);
  CHECK(Scene::text(first) == "12:OK dane-only,");
  facts = scene.facts();
  facts->mta_sts.policy_state = policy_of("mx.a.test", scene.now);
  scene.bring("a.test", facts);
  CHECK(Scene::text(scene.take()) == secure("mx.a.test"));
}

TEST_CASE("the absence of a policy is not answered once it is stale") {
  Scene scene;
  scene.ask("a.test");
  scene.bring("a.test", scene.facts());
  const auto known = scene.take().replies;
  scene.now += 20min;
  scene.ask("a.test", known);
  CHECK(scene.results.empty());
  auto facts = scene.facts();
  facts->dane->status = dane::DaneStatus::all;
  scene.bring("a.test", facts);
  CHECK(Scene::text(scene.take()) == "12:OK dane-only,");
}

TEST_CASE("the number of simultaneous examinations is limited, beyond it the known facts count") {
  Scene scene({.admission = {.max_concurrent = 1, .max_waiting = 0}});
  scene.cache["known.test"] = policy_of("mx.known.test", scene.now);
  scene.ask("a.test");
  scene.ask("known.test");
  const LookupResult known = scene.take();
  CHECK(known.last);
  CHECK(!known.keep);
  CHECK(Scene::text(known, Dialect::sendmail) == secure("mx.known.test"));
  CHECK(Scene::text(known) == netstring("TEMP too many domains are being looked up"));
  scene.ask("b.test");
  const LookupResult busy = scene.take();
  CHECK(!busy.keep);
  CHECK(Scene::text(busy) == netstring("TEMP too many domains are being looked up"));
  CHECK(Scene::text(busy, Dialect::sendmail) == Scene::text(busy));
  scene.bring("a.test", scene.facts());
  scene.ask("b.test");
  scene.bring("b.test", scene.facts());
}

TEST_CASE("due domains are refreshed in the background, a few at a time, and not repeatedly") {
  Scene scene({.max_refreshes = 2});
  scene.due = {name("a.test"), name("b.test"), name("c.test")};
  scene.finder.tick();
  CHECK(scene.examinations.size() == 2);
  scene.finder.tick();
  CHECK(scene.examinations.size() == 2);
  scene.bring("a.test", scene.facts());
  const LookupResult told = scene.take();
  CHECK(!told.asked_for);
  // It is still due, for example because the DNS is down: the others have their turn.
  scene.finder.tick();
  CHECK(scene.examinations.contains("c.test"));
  CHECK(!scene.examinations.contains("a.test"));
  scene.bring("b.test", scene.facts());
  scene.bring("c.test", scene.facts());
  scene.finder.tick();
  CHECK(scene.examinations.empty());
  scene.now += 5min;
  scene.finder.tick();
  CHECK(scene.examinations.size() == 2);
  scene.bring("a.test", scene.facts());
  scene.bring("b.test", scene.facts());
  CHECK(scene.counters.refreshed.value() == 5);
}

TEST_CASE("a domain that only waits for its policy host gives its place to another") {
  Scene scene({.admission = {.max_concurrent = 1, .max_waiting = 0}});
  scene.ask("silent.test");
  scene.ask("a.test");
  CHECK(Scene::text(scene.take()) == netstring("TEMP too many domains are being looked up"));
  scene.finder.wait_for_host(name("silent.test"));
  CHECK(scene.counters.waiting_for_hosts.value() == 1);
  scene.ask("a.test");
  scene.bring("a.test", scene.facts());
  CHECK(Scene::text(scene.take()) == none);
  scene.bring("silent.test", scene.facts());
  CHECK(scene.counters.waiting_for_hosts.value() == 0);
}

TEST_CASE("if one owner's domains use up their share, only that owner is refused") {
  Scene scene({.admission = {.max_concurrent = 10, .max_per_owner = 2}});
  for (const char* const domain : {"d1.attacker.test", "d2.attacker.test", "d3.attacker.test"}) {
    scene.ask(domain);
  }
  const LookupResult refused = scene.take();
  CHECK(refused.next_hop == name("d3.attacker.test"));
  CHECK_FALSE(refused.keep);
  CHECK(Scene::text(refused) == netstring("TEMP too many domains are being looked up below attacker.test"));
  CHECK(scene.counters.owner_refused.value() == 1);
  scene.ask("honest.test");
  scene.bring("honest.test", scene.facts());
  CHECK(Scene::text(scene.take()) == none);
  for (const char* const domain : {"d1.attacker.test", "d2.attacker.test"}) {
    scene.bring(domain, scene.facts());
  }
}

TEST_CASE("known domains have their own places, and one whose policy host failed is not known") {
  Scene scene({.admission = {.max_concurrent = 4, .max_per_owner = 4, .max_waiting = 0}});
  const auto learnt = [&](const std::string& domain, const std::shared_ptr<discovery::DomainFacts>& facts) {
    scene.ask(domain);
    scene.bring(domain, facts);
    return scene.take().replies;
  };
  const auto good = learnt("good.test", scene.facts());
  auto facts = scene.facts();
  facts->mta_sts.policy_state.failure = mtasts::Failure{};
  const auto failed = learnt("failed.test", facts);
  scene.cache["cached.test"] = policy_of("mx.cached.test", scene.now);
  for (const char* const domain : {"n1.test", "n2.test", "n3.test"}) scene.ask(domain);
  scene.now += 1h;
  CHECK(scene.results.empty());
  scene.ask("failed.test", failed);
  CHECK(Scene::text(scene.take()) == netstring("TEMP too many domains are being looked up"));
  scene.ask("good.test", good);
  scene.ask("cached.test");
  CHECK(scene.counters.overloaded.value() == 2);
  CHECK(scene.examinations.contains("good.test"));
  for (const char* const domain : {"n1.test", "n2.test", "n3.test", "good.test"}) {
    scene.bring(domain, scene.facts());
  }
}

TEST_CASE("if others block a policy, mail waits, and known facts stay") {
  Scene scene;
  auto facts = scene.facts();
  facts->mta_sts.record.kind = mtasts::RecordState::Kind::record;
  facts->mta_sts.put_off = "its turn to be asked did not come in time";
  const auto mta_view = [&](const std::shared_ptr<discovery::DomainFacts>& about) {
    scene.ask("a.test");
    scene.bring("a.test", about);
    return scene.take();
  };
  const std::string wait = netstring("TEMP its turn to be asked did not come in time");
  const LookupResult unknown = mta_view(facts);
  CHECK_FALSE(unknown.keep);
  CHECK(Scene::text(unknown) == wait);
  CHECK(Scene::text(unknown, Dialect::sendmail) == wait);
  CHECK(scene.counters.put_off.value() == 1);

  facts->dane->status = dane::DaneStatus::all;
  const LookupResult dane = mta_view(facts);
  CHECK(Scene::text(dane) == "12:OK dane-only,");
  CHECK(Scene::text(dane, Dialect::sendmail) == wait);

  facts->mta_sts.policy_state = policy_of("mx.a.test", scene.now);
  facts->dane->status = dane::DaneStatus::none;
  CHECK(Scene::text(mta_view(facts)) == secure("mx.a.test"));
}
