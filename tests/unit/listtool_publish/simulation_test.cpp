// Ninety days of a list with many domains, by all that `publish run` does but the network: what is examined, what the
// states, the limits and the database make of it. What must be on each edition is known from the fortune of each domain
// alone.

#include <fmt/format.h>

#include <map>
#include <vector>

#include "examination/samples.h"
#include "listtool/publish/observation.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination::test;
using namespace starttls::listing;
using namespace starttls::listingdb;
using namespace starttls::listtool::publish;
using namespace starttls::test;
using starttls::examination::DomainFacts;

namespace {

#ifdef STARTTLS_SANITIZED
constexpr int number_of_domains = 100;
#else
constexpr int number_of_domains = 2'000;
#endif
constexpr int number_of_days = 90;
constexpr int first_listed = 28;  // by Rules::watch_days: sound on 29 days
constexpr int network_down_from = 50;
constexpr int network_up_from = 52;

// What happens to a domain, once it is listed.
enum class Fortune {
  none,
  short_outage,        // two days without TLS
  long_outage,         // six days without TLS
  other_hosts,         // its owner moves to other MX hosts, with a new policy
  hijacked,            // for five days, an attacker answers for its unsigned zone
  withdrawn,           // its owner publishes mode none
  unreachable,         // ten days
  policy_host_down,    // longer than the policy's max_age of 14 days
  testing,             // never consents
  unsigned_new_hosts,  // consents by a TXT record without DNSSEC, and moves to other MX hosts
};
constexpr int fortunes = 10;

struct Domain {
  DomainName name;
  Fortune fortune;
  int begin;  // the day of the event
};

int days_of(Fortune fortune) {
  switch (fortune) {
    case Fortune::short_outage:
      return 2;
    case Fortune::long_outage:
      return 6;
    case Fortune::hijacked:
      return 5;
    case Fortune::unreachable:
      return 10;
    case Fortune::policy_host_down:
      return 25;
    default:
      return number_of_days;
  }
}

// Away from the days without a network.
Domain domain_of(int number) {
  const int place = number / fortunes % 24;
  const auto fortune = static_cast<Fortune>(number % fortunes);
  const int some_day = place < 10 ? 31 + place : 43 + place;
  return {.name = good(DomainName::parse(fmt::format("d{}.example.org", number))),
          .fortune = fortune,
          .begin = fortune == Fortune::policy_host_down ? 31 + place % 3 : some_day};
}

bool is_happening(const Domain& domain, int day) {
  return day >= domain.begin && day < domain.begin + days_of(domain.fortune);
}

std::string host_of(const Domain& domain, int day) {
  const bool moves = domain.fortune == Fortune::other_hosts || domain.fortune == Fortune::unsigned_new_hosts;
  return fmt::format("{}.{}", moves && is_happening(domain, day) ? "new" : "mx", domain.name.str());
}

struct Seen {
  DomainFacts facts;
  dns::Answer record = none();
};

void make_insecure(dns::Answer& answer) {
  answer.dnssec = dns::Dnssec::insecure;
}

void set_host(DomainFacts& facts, const std::string& host) {
  facts.mx.mxs = {{.preference = 10, .host = host}};
  facts.hosts.front().name = host;
}

void set_policy(DomainFacts& facts, std::string_view mode, const std::string& host) {
  facts.mta_sts.page = page(policy_text(mode, fmt::format("mx: {}\n", host)));
}

// What an examination sees of it on a day.
Seen see(const DomainFacts& sample, const Domain& domain, int day, Time now) {
  Seen seen{.facts = sample};
  DomainFacts& facts = seen.facts;
  facts.domain = domain.name;
  const auto ahead = now - facts.now;
  facts.now = now;
  facts.later += ahead;
  facts.mta_sts.certificate->not_after += ahead;
  for (examination::AddressFacts& each : facts.hosts.front().addresses) {
    for (certificate::Certificate& certificate : each.chain->certificates) certificate.not_after += ahead;
  }
  const std::string host = host_of(domain, day);
  set_host(facts, host);
  set_policy(facts, domain.fortune == Fortune::testing ? "testing" : "enforce", host);
  make_insecure(facts.mx);
  make_insecure(facts.mta_sts.record);
  make_insecure(seen.record);
  if (domain.fortune == Fortune::unsigned_new_hosts) {
    without_mta_sts(facts);
    make_insecure(facts.mta_sts.record);
    seen.record = texts("v=starttls-list1; list=sector");
    make_insecure(seen.record);
  }
  if (day >= network_down_from && day < network_up_from) {
    facts.mx = failed();
    facts.mta_sts.record = failed();
    seen.record = failed();
    stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
    return seen;
  }
  if (!is_happening(domain, day)) return seen;
  switch (domain.fortune) {
    case Fortune::short_outage:
    case Fortune::long_outage:
      for (examination::AddressFacts& each : facts.hosts.front().addresses) {
        each.newest->tls.reset();
        each.newest->offers_starttls = false;
        each.newest->extensions.clear();
        each.newest->stop = smtp::Stop::no_starttls;
        each.newest->reached = smtp::Step::ehlo;
        each.oldest = each.newest;
        each.chain.reset();
      }
      break;
    case Fortune::hijacked:
      set_host(facts, "mx.attacker.test");
      without_mta_sts(facts);
      make_insecure(facts.mta_sts.record);
      break;
    case Fortune::withdrawn:
      set_policy(facts, "none", host);
      break;
    case Fortune::unreachable:
      stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
      break;
    case Fortune::policy_host_down:
      facts.mta_sts.page = error_page(http::FetchError::timeout);
      break;
    default:
      break;
  }
  return seen;
}

// The MX pattern that the edition of a day must have; nothing where the domain must not be on it.
std::optional<std::string> wanted(const Domain& domain, int day) {
  if (day < first_listed || domain.fortune == Fortune::testing) return std::nullopt;
  const int event = domain.begin;
  const std::string before = "mx." + domain.name.str();
  if (day < event) return before;
  switch (domain.fortune) {
    case Fortune::withdrawn:
      return std::nullopt;
    case Fortune::other_hosts:
      return "new." + domain.name.str();
    case Fortune::long_outage:
      // Suspended on the fourth day; sound again from the seventh on, it is watched for 29 sound days. Those without a
      // network do not count.
      if (day < event + 3) return before;
      if (day < event + 6 + 28 + (event < network_down_from ? 2 : 0)) return std::nullopt;
      return before;
    case Fortune::unsigned_new_hosts:
      // Nobody vouches for the new hosts, so the entry fails, and comes back with them when they have been watched.
      if (day < event + 3) return before;
      return std::nullopt;
    case Fortune::policy_host_down:
      // The last fetch was on the day before, so the policy is over after 13 days, and the grace after 3 more.
      if (day < event + 13 + 3) return before;
      if (day < event + days_of(domain.fortune) + 28) return std::nullopt;
      return before;
    default:
      return before;
  }
}

// Whether what wanted() says is known for this day: a moved entry is watched anew for as long as the test goes on.
bool is_decided(const Domain& domain, int day) {
  return domain.fortune != Fortune::unsigned_new_hosts || day < domain.begin + 3 + 28;
}

class World {
 public:
  World() {
    for (int number = 0; number < number_of_domains; ++number) domains_.push_back(domain_of(number));
    std::vector<Change> changes;
    for (const Domain& domain : domains_) {
      Added added = add(domain.name, start_, "");
      changes.push_back({.kept = {.entry = std::move(added.entry)}, .transitions = {added.transition}});
    }
    good(db_.save(changes));
    for (examination::HostFacts& host : sample_.hosts) set_dane(host, dane::TlsaStatus::absent);
    sample_.hosts.resize(1);
  }

  void live(int day) {
    const Time now = start_ + std::chrono::days(day);
    const ObservationCounts counts = observe_all(day, now);
    const Difference difference = good(db_.difference(Content::on_list));
    const auto faults =
        faults_of_edition(good(db_.size_of(Content::published)), difference, counts, EditionLimits());
    if (day >= network_down_from && day < network_up_from) {
      CHECK(faults.size() == 1);
      return;
    }
    INFO("day " << day);
    REQUIRE(faults.empty());
    good(db_.publish({.number = static_cast<std::uint64_t>(day) + 1, .time = now, .hash = "aa"},
                     Content::on_list));
    check_edition(day);
  }

  void check_history() {
    std::map<Fortune, std::size_t> notices;
    std::map<DomainName, Fortune> fortunes_of;
    for (const Domain& domain : domains_) fortunes_of.emplace(domain.name, domain.fortune);
    for (const Notice& notice : good(db_.notices())) ++notices[fortunes_of.at(notice.domain)];
    const std::size_t each = number_of_domains / fortunes;
    // The owner of each domain that has failed gets one mail, and no other owner gets any.
    CHECK(notices == std::map<Fortune, std::size_t>{{Fortune::short_outage, each},
                                                    {Fortune::long_outage, each},
                                                    {Fortune::policy_host_down, each},
                                                    {Fortune::unsigned_new_hosts, each}});
  }

 private:
  ObservationCounts observe_all(int day, Time now) {
    std::vector<Change> changes;
    ObservationCounts counts;
    std::map<DomainName, const Domain*> by_name;
    for (const Domain& domain : domains_) by_name.emplace(domain.name, &domain);
    for (KeptEntry& kept : good(db_.due(now - std::chrono::hours(20)))) {
      const Seen seen = see(sample_, *by_name.at(kept.entry.domain), day, now);
      Observed observed = observation_of(kept, seen.facts, seen.record, "sector");
      ++counts.all;
      counts.unknown += observed.observation.soundness == Soundness::unknown ? 1U : 0U;
      Transitions transitions = observe(kept.entry, observed.observation, Rules());
      kept.policy_until = observed.policy_until;
      changes.push_back({.kept = std::move(kept), .transitions = std::move(transitions)});
    }
    good(db_.save(changes));
    return counts;
  }

  void check_edition(int day) {
    std::map<std::string, std::string> edition;
    good(db_.each_of(Content::published, [&edition](const Published& entry) -> Result<void> {
      REQUIRE(entry.mxs.size() == 1);
      edition.emplace(entry.domain.str(), entry.mxs.front());
      return {};
    }));
    for (const Domain& domain : domains_) {
      if (!is_decided(domain, day)) continue;
      const auto found = edition.find(domain.name.str());
      const std::optional<std::string> is =
          found == edition.end() ? std::nullopt : std::optional(found->second);
      if (is == wanted(domain, day)) continue;
      FAIL("day " << day << ", " << domain.name.str() << ", fortune " << static_cast<int>(domain.fortune)
                  << " on day " << domain.begin << ": " << is.value_or("not on the list") << " instead of "
                  << wanted(domain, day).value_or("not on the list"));
    }
  }

  static ListingDb open(const std::filesystem::path& file) {
    good(ListingDb::create(file, "sector"));
    return good(ListingDb::open(file, "sector"));
  }

  TemporaryFolder folder_;
  ListingDb db_ = open(folder_ / "publish.sqlite");
  Time start_ = at("2026-12-01T03:00:00Z");
  DomainFacts sample_ = sound();
  std::vector<Domain> domains_;
};

}  // namespace

TEST_CASE("for ninety days each edition has exactly the domains that deserve it, whatever happens to them") {
  World world;
  for (int day = 0; day < number_of_days; ++day) world.live(day);
  world.check_history();
}
