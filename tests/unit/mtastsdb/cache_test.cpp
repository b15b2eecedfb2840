#include "mtastsdb/cache.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>

#include "base/try.h"
#include "mtasts/examples.h"
#include "sqlite/sqlite.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::mtastsdb;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

const Time now = at("2026-11-22T12:00:00Z");
constexpr std::chrono::seconds week{604'800};

PolicyState enforced(std::string_view domain, std::chrono::seconds max_age = week, Time fetched = now) {
  const auto outcome = brought(policy_text("enforce", fmt::format("mx.{}", domain), max_age));
  return after_fetch({}, name(domain), "a", outcome, fetched);
}

void keep(Cache& cache, std::string_view domain, std::chrono::seconds max_age = week, Time fetched = now) {
  good(cache.keep(name(domain), enforced(domain, max_age, fetched), fetched));
}

bool knows(Cache& cache, std::string_view domain) {
  return good(cache.find(name(domain))).has_value();
}

std::vector<std::string> domains_in(Cache& cache) {
  std::vector<std::string> domains;
  good(cache.each([&](const CacheEntry& entry) { domains.push_back(entry.domain.str()); }));
  return domains;
}

void change(const fs::path& file, const std::string& sql) {
  good(good(sqlite::Database::open(file, sqlite::OpenMode::read_write)).execute(sql));
}

std::vector<fs::path> set_aside(const TemporaryFolder& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    const bool is_beside = name.ends_with("-wal") || name.ends_with("-shm");
    if (name.find(".damaged-") != std::string::npos && !is_beside) found.push_back(entry.path());
  }
  return found;
}

// A file with enough domains to have pages that can be damaged.
void make_large(const fs::path& file, int domains) {
  auto cache = good(Cache::open(file));
  for (int i = 0; i < domains; ++i) keep(cache, fmt::format("d{:04}.test", i));
}

void overwrite(const fs::path& file, std::streamoff from, std::size_t bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(from);
  stream << std::string(bytes, '\xA5');
}

// What the file contains about the domains without a policy.
std::size_t counted_failing(const fs::path& file) {
  auto database = good(sqlite::Database::open(file, sqlite::OpenMode::read_only));
  return static_cast<std::size_t>(good(database.number("SELECT failing FROM totals")));
}

// What a user without privileges finds; tests may be run by root.
void as_nobody(const std::function<bool()>& holds) {
  if (::geteuid() != 0) {
    CHECK(holds());
    return;
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(::setgid(65534) == 0 && ::setuid(65534) == 0 && holds() ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace

TEST_CASE("a stored entry is found, also after the file was closed") {
  const TemporaryFolder folder;
  {
    auto cache = good(Cache::open(folder / "c"));
    keep(cache, "example.org");
    CHECK(knows(cache, "example.org"));
    CHECK_FALSE(knows(cache, "example.net"));
  }
  auto cache = good(Cache::open(folder / "c"));
  const auto policy_state = good(cache.find(name("example.org")));
  REQUIRE(policy_state);
  CHECK(policy_state->policy->text == enforced("example.org").policy->text);
  CHECK(policy_state->policy->id == "a");
  CHECK(policy_state->policy->fetched == now);
  CHECK(policy_state->next_fetch == enforced("example.org").next_fetch);
  CHECK(policy_state->valid(now)->policy.matches(name("mx.example.org")));
  CHECK_FALSE(policy_state->failure);
}

TEST_CASE("a failure is kept with its policy or without one, and the next success removes it") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  const PolicyState failed = after_fetch({}, name("a.test"), "x", broken(FailureType::invalid), now);
  good(cache.keep(name("a.test"), failed, now));
  CHECK(good(cache.find(name("a.test")))->failure == failed.failure);
  const PolicyState both = after_fetch(enforced("a.test"), name("a.test"), "x", broken(), now);
  good(cache.keep(name("a.test"), both, now));
  CHECK(good(cache.find(name("a.test")))->failure == both.failure);
  CHECK(good(cache.find(name("a.test")))->policy);
  keep(cache, "a.test");
  CHECK_FALSE(good(cache.find(name("a.test")))->failure);
}

TEST_CASE("an empty entry is not stored, and removes the stored one") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "a.test");
  good(cache.keep(name("a.test"), {}, now));
  good(cache.keep(name("b.test"), {}, now));
  CHECK(domains_in(cache).empty());
}

TEST_CASE("entries are listed in the order of the domains, and removed one by one or all at once") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  for (const char* domain : {"c.test", "a.test", "b.test"}) keep(cache, domain);
  CHECK(domains_in(cache) == std::vector<std::string>{"a.test", "b.test", "c.test"});
  CHECK(good(cache.remove(name("b.test"))));
  CHECK_FALSE(good(cache.remove(name("b.test"))));
  CHECK(good(cache.remove_all()) == 2);
  CHECK(domains_in(cache).empty());
}

TEST_CASE("live policies are due once their time has come, the longest overdue first") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "second.test", week, now - 40h);
  keep(cache, "first.test", week, now - 50h);
  keep(cache, "young.test", week, now - 1h);
  keep(cache, "over.test", 1h, now - 50h);
  good(cache.keep(name("failed.test"), after_fetch({}, name("failed.test"), "a", broken(), now - 50h), now));
  const std::vector<DomainName> both{name("first.test"), name("second.test")};
  CHECK(good(cache.due(now, 10)) == both);
  CHECK(good(cache.due(now, 1)) == std::vector{name("first.test")});
  CHECK(good(cache.due(now + week - 2h, 10)) == std::vector{name("young.test")});
  CHECK(good(cache.due(now + week, 10)).empty());
}

TEST_CASE("policies that a clock far ahead has postponed are due, too") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "a.test");
  CHECK(good(cache.due(now - 365 * 24h, 10)) == std::vector{name("a.test")});
}

TEST_CASE("cleaning removes policies a week after their end, failures after six hours, a thousand at once") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "over.test", 24h);
  keep(cache, "longer.test", 25h);
  good(cache.keep(name("failed.test"), after_fetch({}, name("failed.test"), "a", broken(), now), now));
  good(cache.tidy(now + 6h));
  CHECK(domains_in(cache).size() == 3);
  good(cache.tidy(now + 6h + 1ms));
  CHECK_FALSE(knows(cache, "failed.test"));
  good(cache.tidy(now + 8 * 24h));
  CHECK(knows(cache, "over.test"));
  good(cache.tidy(now + 8 * 24h + 1ms));
  CHECK(domains_in(cache) == std::vector<std::string>{"longer.test"});
  for (int i = 0; i < 1100; ++i) keep(cache, fmt::format("d{}.test", i), 1h);
  good(cache.tidy(now + 8 * 24h));
  CHECK(domains_in(cache).size() == 101);
}

TEST_CASE("the version changes with every change by another process, and with nothing else") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  auto other = good(Cache::open(folder / "c"));
  const auto changes = [&](auto work) {
    const auto before = good(cache.version());
    work();
    return good(cache.version()) != before;
  };
  CHECK_FALSE(changes([&] { keep(cache, "a.test"); }));
  CHECK_FALSE(changes([&] { (void)knows(cache, "a.test"); }));
  CHECK(changes([&] { keep(other, "b.test"); }));
  CHECK(changes([&] { keep(other, "b.test", week, now + 1s); }));
  CHECK_FALSE(changes([&] { keep(other, "b.test", week, now + 1s); }));
  CHECK_FALSE(changes([&] { good(cache.remove_all()); }));
  CHECK(changes([&] { keep(other, "b.test"); }));
  CHECK(changes([&] { good(other.remove_all()); }));
  CHECK_FALSE(changes([] {}));
}

TEST_CASE("the version of the policies changes with what mail servers would receive, and with nothing else") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  auto other = good(Cache::open(folder / "c"));
  const auto changes = [&](auto work) {
    const auto before = good(cache.policies_version());
    work();
    CHECK(good(cache.policies_version()) == good(other.policies_version()));
    return good(cache.policies_version()) != before;
  };
  const auto learn = [&](const std::string& text, Time time) {
    good(other.keep(name("a.test"), after_fetch({}, name("a.test"), "a", brought(text), time), time));
  };
  CHECK(changes([&] { learn(policy_text("testing", "mx.a.test", 24h), now); }));
  CHECK_FALSE(changes([&] { learn(policy_text("testing", "mx.a.test", 24h), now + 1h); }));
  CHECK_FALSE(changes([&] { learn(policy_text("testing", "MX.a.test", 48h), now + 2h); }));
  CHECK(changes([&] { learn(policy_text("enforce", "mx.a.test", 24h), now + 3h); }));
  CHECK(changes([&] { learn(policy_text("enforce", "mx2.a.test", 24h), now + 3h); }));
  CHECK(changes([&] { learn("version: STSv1\nmode: none\nmax_age: 86400", now + 3h); }));
  // It had expired, and is valid again.
  CHECK(changes([&] { learn("version: STSv1\nmode: none\nmax_age: 86400", now + 48h); }));
  // A policy that is already expired when it is fetched ends the one before.
  CHECK(changes([&] { learn(policy_text("enforce", "mx.a.test", 0s), now + 49h); }));
  CHECK_FALSE(changes([&] { good(cache.remove(name("b.test"))); }));
  const PolicyState failed = after_fetch({}, name("b.test"), "a", broken(), now);
  CHECK_FALSE(changes([&] { good(cache.keep(name("b.test"), failed, now)); }));
  CHECK_FALSE(changes([&] { good(cache.tidy(now)); }));
  CHECK(changes([&] { good(cache.remove(name("a.test"))); }));
}

TEST_CASE("a full cache keeps what it has, and replaces an entry of no further use with a new domain") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c", 2));
  keep(cache, "a.test", week);
  keep(cache, "b.test", 24h);
  const auto refused = cache.keep(name("c.test"), enforced("c.test"), now);
  CHECK(bad(refused).fault == Fault::unavailable);
  CHECK(bad(refused).message == "the MTA-STS cache is full: 2 domains, or 1024 MiB");
  keep(cache, "a.test", week, now + 1h);
  keep(cache, "c.test", week, now + 25h);
  CHECK(domains_in(cache) == std::vector<std::string>{"a.test", "c.test"});
}

TEST_CASE(
    "very many failing names get a tenth of the space, the file stays small, and every policy is kept") {
  constexpr std::size_t max = 5'000;
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c", max));
  for (int i = 0; i < 100; ++i) keep(cache, fmt::format("good{}.test", i));
  const auto fail = [&](int i) {
    const auto domain = name(fmt::format("{}.d{}.evil.test", std::string(60, 'x'), i));
    const Time then = now + i * 10ms;
    FetchOutcome outcome = broken();
    outcome.reason = std::string(900, 'r');
    good(cache.keep(domain, after_fetch({}, domain, "a", outcome, then), then));
  };
  for (int i = 0; i < 10'000; ++i) fail(i);
  const auto size_before = fs::file_size(folder / "c");
  for (int i = 10'000; i < 20'000; ++i) fail(i);
  std::size_t policies = 0, failing = 0;
  good(cache.each([&](const CacheEntry& entry) { ++(entry.policy_state.policy ? policies : failing); }));
  CHECK(policies == 100);
  CHECK(failing <= max_failing(max));
  CHECK(failing > max_failing(max) * 9 / 10);
  CHECK(counted_failing(folder / "c") == failing);
  CHECK(fs::file_size(folder / "c") < size_before + size_before / 4);
  CHECK(good(cache.due(now + 30h, 1'000)).size() == 100);
}

TEST_CASE("failures are removed for policies, and policies for nothing") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c", 20));
  const auto fail = [&](std::string_view domain) {
    return cache.keep(name(domain), after_fetch({}, name(domain), "a", broken(), now), now);
  };
  for (const char* domain : {"a.evil.test", "b.evil.test"}) good(fail(domain));
  for (int i = 0; i < 20; ++i) keep(cache, fmt::format("good{}.test", i));
  CHECK(domains_in(cache).size() == 20);
  CHECK_FALSE(knows(cache, "a.evil.test"));
  CHECK(bad(fail("c.evil.test")).fault == Fault::unavailable);
  CHECK(domains_in(cache).size() == 20);
  // Existing entries may change, also if the cache is full.
  const PolicyState both = after_fetch(enforced("good1.test"), name("good1.test"), "x", broken(), now);
  good(cache.keep(name("good1.test"), both, now));
  keep(cache, "good2.test", week, now + 1h);
}

TEST_CASE("the count of failing domains stays right, whatever happens to them") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  const PolicyState failed = after_fetch({}, name("a.test"), "x", broken(), now);
  const auto count = [&] { return counted_failing(folder / "c"); };
  good(cache.keep(name("a.test"), failed, now));
  CHECK(count() == 1);
  good(cache.keep(name("a.test"), after_fetch(failed, name("a.test"), "x", broken(), now + 1h), now + 1h));
  CHECK(count() == 1);
  keep(cache, "a.test");
  CHECK(count() == 0);
  good(cache.keep(name("a.test"), failed, now));
  CHECK(count() == 1);
  good(cache.keep(name("b.test"), failed, now));
  CHECK(count() == 2);
  good(cache.remove(name("a.test")));
  CHECK(count() == 1);
  good(cache.remove_all());
  CHECK(count() == 0);
}

TEST_CASE("in memory long policies fill the cache up to max_cache_memory_bytes") {
  const TemporaryFolder folder;
  make_large(folder / "c", 1);
  change(folder / "c", "PRAGMA user_version = 99");
  auto opened = Cache::open_or_fall_back(folder / "c", now);
  Cache& cache = opened.cache;
  std::string text = "version: STSv1\nmode: enforce\nmax_age: 604800\n";
  for (int i = 0; text.size() < 60'000; ++i)
    text += fmt::format("mx: mx{}.{}.test\n", i, std::string(60, 'x'));
  const PolicyState long_one = after_fetch({}, name("a.test"), "a", brought(text), now);
  std::size_t kept = 0;
  while (cache.keep(name(fmt::format("d{}.test", kept)), long_one, now)) {
    if (++kept == 5'000) break;
  }
  CHECK(kept > 700);
  CHECK(kept < max_cache_memory_bytes / text.size());
  CHECK(bad(cache.keep(name("z.test"), long_one, now)).message.ends_with("or 128 MiB"));
}

TEST_CASE("a file of version 1 is read without a change, and upgraded by a process that writes") {
  const TemporaryFolder folder;
  {
    auto cache = good(Cache::open(folder / "c"));
    keep(cache, "a.test");
    for (const char* domain : {"b.test", "c.test"})
      good(cache.keep(name(domain), after_fetch({}, name(domain), "a", broken(), now), now));
  }
  change(folder / "c",
         "DROP TRIGGER failing_came; DROP TRIGGER failing_went; DROP TRIGGER failing_changed;"
         "DROP INDEX domains_failing; DROP INDEX domains_by_end; ALTER TABLE totals DROP COLUMN failing;"
         "PRAGMA user_version = 1");
  {
    auto reader = good(Cache::open_to_read(folder / "c"));
    REQUIRE(reader);
    CHECK(domains_in(*reader).size() == 3);
    CHECK(knows(*reader, "a.test"));
  }
  auto opened = Cache::open_or_fall_back(folder / "c", now);
  CHECK_FALSE(opened.warning);
  CHECK(domains_in(opened.cache).size() == 3);
  CHECK(counted_failing(folder / "c") == 2);
  keep(opened.cache, "b.test");
  CHECK(counted_failing(folder / "c") == 1);
}

TEST_CASE("every user may read the file, whatever the umask") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0077);
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "a.test");
  ::umask(before);
  for (const char* file : {"c", "c-wal", "c-shm"}) {
    CAPTURE(file);
    struct stat info{};
    REQUIRE(::stat((folder / file).c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0644);
  }
}

TEST_CASE("two threads, each with its own cache, store everything") {
  const TemporaryFolder folder;
  good(Cache::open(folder / "c"));
  const auto work = [&](const char* prefix) -> Result<void> {
    auto cache = TRY(Cache::open(folder / "c"));
    for (int i = 0; i < 200; ++i) {
      const DomainName domain = *DomainName::parse(fmt::format("{}{}.test", prefix, i));
      const PolicyState policy_state = after_fetch({}, domain, "a", {.reason = "x"}, now);
      TRY(cache.keep(domain, policy_state, now));
    }
    return {};
  };
  Result<void> of_first;
  Result<void> of_second;
  std::thread first([&] { of_first = work("a"); });
  std::thread second([&] { of_second = work("b"); });
  first.join();
  second.join();
  good(std::move(of_first));
  good(std::move(of_second));
  auto cache = good(Cache::open(folder / "c"));
  CHECK(domains_in(cache).size() == 400);
}

TEST_CASE("rows that the cache would not have written are ignored") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  for (const char* domain : {"a.test", "b.test", "c.test", "d.test", "e.test"})
    keep(cache, domain, week, now - 30h);
  change(folder / "c", "UPDATE domains SET policy_text = 'version: STSv1' WHERE domain = 'a.test'");
  change(folder / "c", "UPDATE domains SET domain = 'B.test' WHERE domain = 'b.test'");
  change(folder / "c", "UPDATE domains SET fetched = -5 WHERE domain = 'c.test'");
  change(folder / "c", "UPDATE domains SET policy_text = zeroblob(30000000) WHERE domain = 'd.test'");
  CHECK(domains_in(cache) == std::vector<std::string>{"e.test"});
  for (const char* domain : {"a.test", "b.test", "c.test", "d.test"}) CHECK_FALSE(knows(cache, domain));
  for (const DomainName& domain : good(cache.due(now, 10))) CHECK(domain.str() != "B.test");
  CHECK(good(cache.remove(name("d.test"))));
}

TEST_CASE("a file that is removed while it is open is created again") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "a.test");
  const auto version = good(cache.version());
  const auto policies = good(cache.policies_version());
  for (const char* file : {"c", "c-wal", "c-shm"}) fs::remove(folder / file);
  CHECK(good(cache.version()) != version);
  CHECK(good(cache.policies_version()) != policies);
  keep(cache, "b.test");
  auto other = good(Cache::open(folder / "c"));
  CHECK(domains_in(other) == std::vector<std::string>{"b.test"});
}

TEST_CASE("a file that is damaged from the start is renamed, and a new one is created") {
  const std::vector<std::pair<std::string, std::function<void(const fs::path&)>>> damages{
      {"a text", [](const fs::path& file) { write(file, std::string(5000, 'x')); }},
      {"an empty file", [](const fs::path& file) { write(file, ""); }},
      {"a file cut within its head",
       [](const fs::path& file) { make_large(file, 1), fs::resize_file(file, 50); }},
      {"a file without its tables",
       [](const fs::path& file) { make_large(file, 1), change(file, "DROP TABLE domains"); }},
      {"a head that is overwritten",
       [](const fs::path& file) { make_large(file, 1), overwrite(file, 0, 100); }},
  };
  for (const auto& [what, damage] : damages) {
    CAPTURE(what);
    const TemporaryFolder folder;
    damage(folder / "c");
    const std::string before = read(folder / "c");
    CHECK(bad(Cache::open(folder / "c")).fault == Fault::data);
    {
      auto opened = Cache::open_or_fall_back(folder / "c", now);
      REQUIRE(opened.warning);
      CHECK(opened.warning->message.find("; renamed to ") != std::string::npos);
      keep(opened.cache, "new.test");
    }
    CHECK(read(folder / "c.damaged-20261122T120000Z") == before);
    auto cache = good(Cache::open(folder / "c"));
    CHECK(domains_in(cache) == std::vector<std::string>{"new.test"});
    CHECK_FALSE(Cache::open_or_fall_back(folder / "c", now).warning);
  }
}

TEST_CASE(
    "the reader that finds later damage reports it, and the readable rows are copied into the new file") {
  const std::vector<std::pair<std::string, std::function<void(const fs::path&)>>> damages{
      {"pages inside are overwritten", [](const fs::path& file) { overwrite(file, 40 * 4096, 8 * 4096); }},
      {"the end is cut off", [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }},
      {"half a page is cut off",
       [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) - 2000); }},
  };
  for (const auto& [what, damage] : damages) {
    CAPTURE(what);
    const TemporaryFolder folder;
    make_large(folder / "c", 2000);
    damage(folder / "c");
    auto opened = Cache::open_or_fall_back(folder / "c", now);
    std::optional<Error> met = opened.warning;
    for (int i = 0; i < 2000 && !met; ++i) {
      const auto found = opened.cache.find(name(fmt::format("d{:04}.test", i)));
      if (!found) met = found.error();
    }
    for (int i = 0; i < 2000 && !met; ++i) {
      const auto kept = opened.cache.keep(name(fmt::format("e{:04}.test", i)), enforced("a.test"), now);
      if (!kept) met = kept.error();
    }
    REQUIRE(met);
    CHECK(met->fault == Fault::data);
    CHECK(met->message.find("; renamed to ") != std::string::npos);
    CHECK(set_aside(folder).size() == 1);
    CHECK(domains_in(opened.cache).size() > 200);
    keep(opened.cache, "new.test");
    CHECK(knows(opened.cache, "new.test"));
    CHECK(good(good(sqlite::Database::open(folder / "c", sqlite::OpenMode::read_only))
                   .number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'")) ==
          0);
  }
}

TEST_CASE("the three newest renamed files are kept") {
  const TemporaryFolder folder;
  for (int i = 0; i < 6; ++i) {
    write(folder / "c", "damaged");
    CHECK(Cache::open_or_fall_back(folder / "c", now + i * 1h).warning);
  }
  auto found = set_aside(folder);
  std::ranges::sort(found);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == folder / "c.damaged-20261122T150000Z");
}

TEST_CASE("of two processes that find the same damage one renames the file, and the other uses the new one") {
  const TemporaryFolder folder;
  make_large(folder / "c", 2000);
  auto first = Cache::open_or_fall_back(folder / "c", now);
  auto second = Cache::open_or_fall_back(folder / "c", now);
  overwrite(folder / "c", 4096, 4096 * 200);
  fs::resize_file(folder / "c", 4096 * 3);
  const auto meets = [](Cache& cache) {
    for (int i = 0; i < 2000; ++i) {
      if (!cache.find(name(fmt::format("d{:04}.test", i)))) return true;
    }
    return false;
  };
  REQUIRE(meets(first.cache));
  keep(first.cache, "new.test");
  (void)meets(second.cache);
  (void)second.cache.version();
  CHECK(set_aside(folder).size() == 1);
  CHECK(knows(second.cache, "new.test"));
}

TEST_CASE("a file of a newer version, or of another program, is not changed, and the cache is in memory") {
  const TemporaryFolder folder;
  make_large(folder / "newer", 1);
  change(folder / "newer", "PRAGMA user_version = 99");
  good(good(sqlite::Database::open(folder / "foreign", sqlite::OpenMode::create))
           .execute("CREATE TABLE t (a)"));
  for (const char* file : {"newer", "foreign"}) {
    CAPTURE(file);
    const std::string before = read(folder / file);
    CHECK(bad(Cache::open(folder / file)).fault == Fault::data);
    CHECK(bad(Cache::open_to_read(folder / file)).fault == Fault::data);
    auto opened = Cache::open_or_fall_back(folder / file, now);
    REQUIRE(opened.warning);
    CHECK(opened.warning->message.ends_with("; what is learnt is kept in memory only"));
    keep(opened.cache, "a.test");
    CHECK(knows(opened.cache, "a.test"));
    CHECK(read(folder / file) == before);
  }
  CHECK(set_aside(folder).empty());
}

TEST_CASE("without its directory the cache is in memory") {
  const TemporaryFolder folder;
  auto opened = Cache::open_or_fall_back(folder / "missing" / "c", now);
  REQUIRE(opened.warning);
  keep(opened.cache, "a.test");
  CHECK(knows(opened.cache, "a.test"));
}

TEST_CASE("a file that may only be read is not changed: its entries are known, new ones stay in memory") {
  const TemporaryFolder folder;
  make_large(folder / "c", 3);
  fs::permissions(folder.path(), fs::perms{0555});
  as_nobody([&] {
    auto opened = Cache::open_or_fall_back(folder / "c", now);
    if (!opened.warning || opened.warning->fault != Fault::permission) return false;
    const auto kept = opened.cache.keep(name("new.test"), enforced("new.test"), now);
    return kept && knows(opened.cache, "new.test") && knows(opened.cache, "d0002.test");
  });
  fs::permissions(folder.path(), fs::perms{0755});
  auto cache = good(Cache::open(folder / "c"));
  CHECK(domains_in(cache).size() == 3);
}

TEST_CASE("a user who may only read a cache reads it, whether or not another process has it open") {
  const TemporaryFolder folder;
  make_large(folder / "c", 3);
  fs::permissions(folder.path(), fs::perms{0755});
  const auto reads = [&] {
    auto cache = Cache::open_to_read(folder / "c");
    return cache && *cache && knows(**cache, "d0001.test") && domains_in(**cache).size() == 3 &&
           !(*cache)->keep(name("new.test"), enforced("new.test"), now);
  };
  as_nobody(reads);
  auto writer = good(Cache::open(folder / "c"));
  keep(writer, "d0001.test", week, now + 1h);
  as_nobody(reads);
}

TEST_CASE("a user who may not read a cache gets an error") {
  const TemporaryFolder folder;
  make_large(folder / "c", 1);
  fs::permissions(folder.path(), fs::perms{0755});
  fs::permissions(folder / "c", fs::perms{0600});
  if (::geteuid() == 0) {
    as_nobody([&] {
      const auto cache = Cache::open_to_read(folder / "c");
      return !cache && cache.error().fault == Fault::permission;
    });
  }
  CHECK_FALSE(good(Cache::open_to_read(folder / "missing")));
}

TEST_CASE("a full disk is an error, and the cache works again when there is space again") {
  const TemporaryFolder folder;
  auto opened = Cache::open_or_fall_back(folder / "c", now);
  keep(opened.cache, "a.test");
  struct rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit tight{.rlim_cur = 64 * 1024, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::optional<Error> error;
  for (int i = 0; i < 1000 && !error; ++i) {
    const auto kept = opened.cache.keep(name(fmt::format("d{}.test", i)), enforced("a.test"), now);
    if (!kept) error = kept.error();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous);
  REQUIRE(error);
  CHECK(error->fault == Fault::io);
  CHECK(knows(opened.cache, "a.test"));
  keep(opened.cache, "b.test");
  CHECK(knows(opened.cache, "b.test"));
  CHECK(set_aside(folder).empty());
}

TEST_CASE("a cache that another process locks is a temporary error") {
  const TemporaryFolder folder;
  auto cache = good(Cache::open(folder / "c"));
  keep(cache, "a.test");
  auto other = good(sqlite::Database::open(folder / "c", sqlite::OpenMode::read_write));
  const auto transaction = good(sqlite::Transaction::begin(other, "IMMEDIATE"));
  CHECK(bad(cache.keep(name("b.test"), enforced("b.test"), now)).fault == Fault::temporary);
  CHECK(knows(cache, "a.test"));
}
