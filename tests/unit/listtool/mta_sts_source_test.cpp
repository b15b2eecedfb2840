#include "listtool/mta_sts_source.h"

#include "mtastsdb/cache.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-22T12:00:00Z");

DomainName domain(std::string_view name) {
  return good(DomainName::parse(name));
}

mtasts::PolicyState fetched(const std::string& lines, Time when = now) {
  const std::string text = "version: STSv1\n" + lines + "max_age: 86400\n";
  const auto reading = mtasts::read_policy(text);
  REQUIRE(reading.policy);
  return {
      .policy = mtasts::FetchedPolicy{.policy = *reading.policy, .text = text, .id = "1", .fetched = when},
      .next_fetch = when + std::chrono::hours(12)};
}

// A cache with these policies, as a configuration names it.
class Cached {
 public:
  void keep(std::string_view name, const mtasts::PolicyState& policy_state) {
    auto cache = good(mtastsdb::Cache::open(file_));
    good(cache.keep(domain(name), policy_state, now));
  }
  std::optional<Source> source(Time when = now) const {
    Configuration configuration;
    configuration.discovery.cache = file_;
    return good(read_mta_sts_source(configuration, when));
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "cache.sqlite";
};

}  // namespace

TEST_CASE("without a cache there is no source") {
  const Cached cached;
  CHECK_FALSE(cached.source());
  CHECK(fingerprint(cached.source()) == "none");
}

TEST_CASE("an enforced policy becomes an entry, any other one an entry without a demand") {
  Cached cached;
  cached.keep("b.test", fetched("mode: enforce\nmx: mx.b.test\nmx: *.backup.test\n"));
  cached.keep("a.test", fetched("mode: none\n"));
  cached.keep("t.test", fetched("mode: testing\nmx: mx.t.test\n"));
  const auto source = cached.source();
  REQUIRE(source);
  CHECK(source->facts.kind == SourceFacts::Kind::mta_sts);
  CHECK_FALSE(source->facts.unusable);
  REQUIRE(source->list.size() == 3);
  CHECK(source->list[0].domain == "a.test");
  CHECK(source->list[0].mode == preload::Mode::none);
  CHECK(source->list.find("b.test")->mode == preload::Mode::enforce);
  CHECK(source->list.find("b.test")->joined_mxs == "mx.b.test:.backup.test");
  CHECK(source->list.find("t.test")->mode == preload::Mode::none);
}

TEST_CASE("a policy that has expired is not in the source") {
  Cached cached;
  cached.keep("b.test", fetched("mode: enforce\nmx: mx.b.test\n"));
  CHECK(cached.source(now + std::chrono::seconds(86'399))->list.size() == 1);
  CHECK(cached.source(now + std::chrono::seconds(86'400))->list.size() == 0);
}

TEST_CASE("a cache without a valid policy has the fingerprint of no cache") {
  const Cached none;
  Cached cached;
  cached.keep("b.test", fetched("mode: enforce\nmx: mx.b.test\n"));
  const auto expired = cached.source(now + std::chrono::hours(48));
  REQUIRE(expired);
  CHECK(fingerprint(expired) == fingerprint(none.source()));
}

TEST_CASE("the fingerprint differs if a map would") {
  Cached cached;
  cached.keep("b.test", fetched("mode: enforce\nmx: mx.b.test\n"));
  const std::string before = fingerprint(cached.source());
  cached.keep("b.test", fetched("mode: enforce\nmx: mx.b.test\n", now + std::chrono::hours(1)));
  CHECK(fingerprint(cached.source()) == before);
  cached.keep("b.test", fetched("mode: enforce\nmx: mx2.b.test\n"));
  CHECK(fingerprint(cached.source()) != before);
  cached.keep("b.test", fetched("mode: testing\nmx: mx.b.test\n"));
  CHECK(fingerprint(cached.source()) != before);
  CHECK(fingerprint(cached.source(now + std::chrono::hours(48))) != before);
}
