// Two weeks of many domains whose records, policies, policy hosts and DNS appear, change, fail and disappear.
// The results are compared with what must be in force at each moment by RFC 8461: the policy of the last
// successful fetch, for its max_age, and nothing else. Mail asks through one cache, the refresh through
// another one on the same file; both are closed and opened again every few hours.
#include <algorithm>
#include <random>
#include <set>

#include "discovery/mta_sts_discovery.h"
#include "event/loop.h"
#include "mtasts/examples.h"
#include "mtastsdb/cache.h"

using namespace starttls;
using namespace starttls::discovery;
using namespace starttls::mtasts;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time beginning = at("2026-11-22T00:00:00Z");
const Time end = beginning + 14 * 24h;

// What one domain publishes, and what must be in force for it.
struct Site {
  enum class Record { one, none, two, error };
  enum class Host { up, down, wrong_certificate, web_page, nonsense, without_address };

  std::string domain;
  bool quiet = false;     // nothing ever happens to it
  bool restless = false;  // another id for every question
  Record record = Record::one;
  int id = 1;
  Host host = Host::up;
  std::string mode = "enforce";
  std::string mx = "mx1";
  std::chrono::seconds max_age{604'800};
  Time changed;  // the time of the last change

  // The oracle.
  std::string told;  // the policy of the last successful fetch
  Time expires;
  std::optional<Time> succeeded;
  std::optional<Time> failed;  // the last failure, unless a fetch succeeded since
  std::string last_id;
  std::chrono::milliseconds shortest_refresh{0};
  int fetches = 0;
  int new_ids = 0;

  std::string in_force(Time now) const { return succeeded && now < expires ? told : "nothing"; }
};

class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {
    for (int i = 0; i < 40; ++i) {
      Site site{.domain = fmt::format("d{}.test", i), .quiet = i < 8, .restless = i >= 38};
      if (!site.quiet) change_policy(site);
      sites_.push_back(site);
    }
    open();
  }

  void run() {
    int steps = 0;
    for (now_ = beginning; now_ < end; ++steps) {
      if (steps % 40 == 39) open();
      for (Site& site : sites_) {
        if (!site.quiet && one_in(25)) happen(site);
        if (one_in(8)) examine(*mail_, site);
      }
      refresh();
      check_all();
      advance();
    }
    check_fetches();
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }

  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[random_() % choices.size()];
  }

  void open() {
    mail_.reset();
    timer_.reset();
    for (auto* cache : {&mail_, &timer_}) {
      auto opened = mtastsdb::Cache::open_or_fall_back(folder_ / "c", now_);
      REQUIRE_FALSE(opened.warning);
      cache->emplace(std::move(opened.cache));
    }
  }

  void change_policy(Site& site) {
    site.mode = one_of({"enforce", "enforce", "testing", "none"});
    site.mx = one_of({"mx1", "mx2", "*"});
    site.max_age = one_of<std::chrono::seconds>({0s, 200s, 3600s, 20'000s, 86'400s, 604'800s, 31'557'600s});
  }

  void happen(Site& site) {
    site.changed = now_;
    switch (random_() % 8) {
      case 0:
        change_policy(site);
        ++site.id;
        break;
      case 1:  // the body changes, its id does not
        change_policy(site);
        break;
      case 2:  // and the reverse
        ++site.id;
        break;
      case 3:  // back to an earlier one
        if (site.id > 1) --site.id;
        break;
      case 4:
        site.record = one_of({Site::Record::none, Site::Record::two, Site::Record::error});
        break;
      case 5:
        site.host = one_of({Site::Host::down, Site::Host::wrong_certificate, Site::Host::web_page,
                            Site::Host::nonsense, Site::Host::without_address});
        break;
      default:
        site.record = Site::Record::one;
        site.host = Site::Host::up;
        break;
    }
  }

  // To a random moment, or to one at which a policy ends, or just before.
  void advance() {
    const Time by_chance = now_ + std::chrono::milliseconds{1 + random_() % one_of({60'000U, 1'800'000U})};
    const Site& site = sites_[random_() % sites_.size()];
    const Time moment = site.expires - std::chrono::milliseconds{random_() % 2};
    now_ = one_in(3) && moment > now_ && moment < by_chance + 1h ? moment : by_chance;
  }

  Site& site_of(const std::string& name) {
    const std::string domain = name.substr(name.find('.') + 1);
    return *std::ranges::find(sites_, domain, &Site::domain);
  }

  starttls::event::Task<dns::Answer> ask(std::string name, dns::Type type) {
    Site& site = site_of(name);
    dns::Answer answer{.status = dns::Status::found, .ttl = 60s};
    if (type != dns::Type::txt) {
      if (site.host == Site::Host::without_address) {
        note_failure(site);
        co_return dns::Answer{.status = dns::Status::nodata};
      }
      answer.addresses = {"192.0.2.1"};
      co_return answer;
    }
    if (site.restless) ++site.id;
    if (site.record == Site::Record::error) co_return dns::Answer{.reason = "SERVFAIL"};
    if (site.record == Site::Record::none) co_return dns::Answer{.status = dns::Status::nxdomain};
    const std::string record = fmt::format("v=STSv1; id={};", site.id);
    answer.texts = {record};
    if (site.record == Site::Record::two) answer.texts.push_back(record);
    co_return answer;
  }

  starttls::event::Task<http::Page> get(http::PageRequest request) {
    Site& site = site_of(request.host);
    http::Page page{.status = 200, .content_type = "text/plain"};
    switch (site.host) {
      case Site::Host::up:
        page.body = policy_text(site.mode, fmt::format("{}.{}", site.mx, site.domain), site.max_age);
        note_success(site);
        co_return page;
      case Site::Host::web_page:
        page.content_type = "text/html";
        break;
      case Site::Host::nonsense:
        page.body = "version: STSv1\nmode: enforce\nmax_age: 86400\n";
        break;
      case Site::Host::wrong_certificate:
        page.error = http::FetchError::certificate;
        break;
      default:
        page.error = http::FetchError::timeout;
        break;
    }
    note_failure(site);
    co_return page;
  }

  void note_fetch(Site& site) {
    const std::string id = std::to_string(site.id);
    CHECK(site.record == Site::Record::one);
    if (site.failed) CHECK(now_ >= *site.failed + 5min);
    if (!site.failed && site.succeeded && id == site.last_id && now_ < site.expires) {
      CHECK(now_ >= *site.succeeded + site.shortest_refresh);
    }
    if (site.succeeded) CHECK((id != site.last_id || now_ >= *site.succeeded + 5min));
    if (id != site.last_id) ++site.new_ids;
    site.last_id = id;
    ++site.fetches;
  }

  void note_success(Site& site) {
    note_fetch(site);
    site.told = fmt::format("{} {}.{}", site.mode, site.mx, site.domain);
    site.succeeded = now_;
    site.expires = now_ + site.max_age;
    site.failed.reset();
    const auto half = std::min<std::chrono::milliseconds>(24h, site.max_age / 2);
    site.shortest_refresh = std::max<std::chrono::milliseconds>(half * 9 / 10, 5min);
  }

  // Two questions for addresses are one failure.
  void note_failure(Site& site) {
    if (site.failed == now_) return;
    note_fetch(site);
    site.failed = now_;
  }

  void examine(mtastsdb::Cache& cache, Site& site) {
    const bool must_succeed = site.record == Site::Record::one && site.host == Site::Host::up &&
                              (!site.failed || now_ >= std::max(*site.failed, site.changed) + 66min);
    Lookups network{.ask = [this](std::string name, dns::Type type) { return ask(std::move(name), type); },
                    .get = [this](http::PageRequest request) { return get(std::move(request)); }};
    const DomainName domain = name(site.domain);
    const auto before = good(cache.find(domain)).value_or(PolicyState{});
    const auto found = loop_.run_until_complete(
        discover(std::move(network), domain, before, FetchMode::when_due, [this] { return now_; }));
    good(cache.keep(domain, found.policy_state, now_));
    check(site);
    // Nothing blocks the fetch: the policy of this very record is known.
    if (must_succeed) {
      REQUIRE(site.succeeded);
      REQUIRE(found.policy_state.policy);
      CHECK(found.policy_state.policy->id == std::to_string(site.id));
      // Or it will be, by the next re-check after one that had no record.
      CHECK((now_ <= *site.succeeded + 26h + 24min || now_ <= site.changed + 66min));
    }
  }

  void refresh() {
    for (const DomainName& domain : good(timer_->due(now_, 10))) {
      examine(*timer_, *std::ranges::find(sites_, domain.str(), &Site::domain));
    }
    good(timer_->tidy(now_));
  }

  std::string in_force(mtastsdb::Cache& cache, const std::string& domain) {
    const auto policy_state = good(cache.find(name(domain)));
    const FetchedPolicy* valid = policy_state ? policy_state->valid(now_) : nullptr;
    if (valid == nullptr) return "nothing";
    return fmt::format("{} {}", to_string(valid->policy.mode), valid->policy.mx.front().str());
  }

  void check(const Site& site) {
    CAPTURE(site.domain, to_rfc3339(now_), to_rfc3339(site.expires));
    for (mtastsdb::Cache* cache : {&*mail_, &*timer_})
      REQUIRE(in_force(*cache, site.domain) == site.in_force(now_));
  }

  // The policies for mail servers change only with the version, or because they have expired.
  void check_all() {
    const auto version = good(mail_->policies_version());
    std::vector<std::string> told;
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      check(sites_[i]);
      told.push_back(sites_[i].in_force(now_));
      const bool changed = !told_.empty() && told[i] != told_[i] && told[i] != "nothing";
      if (changed) CHECK(version != version_);
    }
    told_ = std::move(told);
    version_ = version;
  }

  // Once for each new id, daily or after half of the max_age, hourly where it fails.
  void check_fetches() {
    for (const Site& site : sites_) {
      CAPTURE(site.domain, site.new_ids);
      if (site.quiet) CHECK((site.fetches >= 12 && site.fetches <= 17));
      CHECK(site.fetches < 14 * 24 * 12);
    }
    const auto all = [&](auto member) {
      int sum = 0;
      for (const Site& site : sites_) sum += site.*member;
      return sum;
    };
    CHECK(all(&Site::new_ids) > 300);  // else the simulation has too few changes to show anything
    CHECK(all(&Site::fetches) < 40 * 14 * 24);
  }

  TemporaryFolder folder_;
  starttls::event::Loop loop_;
  std::mt19937 random_;
  Time now_ = beginning;
  std::vector<Site> sites_;
  std::optional<mtastsdb::Cache> mail_;
  std::optional<mtastsdb::Cache> timer_;
  std::vector<std::string> told_;
  std::int64_t version_ = 0;
};

}  // namespace

TEST_CASE("two weeks of refreshes, id changes and outages: no policy lost early, none kept past its end") {
  for (const unsigned seed : {1U, 2U}) {
    CAPTURE(seed);
    Simulation(seed).run();
  }
}
