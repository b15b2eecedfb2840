// What `check --watch` says, night after night.

#include "listtool/watch_report.h"

#include <chrono>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>
#include <vector>

#include "../examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination;
using namespace starttls::examination::test;
using namespace starttls::test;
using listtool::Examined;
using listtool::WatchReport;

namespace {

// A domain that is examined once a night.
class Nights {
 public:
  // What is printed of it; "" is nothing.
  std::string next(DomainFacts facts) {
    facts.now += std::chrono::days(night_);
    ++night_;
    WatchReport report({});
    known_ = report.add(listtool::examine(std::move(facts)), known_ ? &*known_ : nullptr);
    status_ = report.exit_status();
    return report.text();
  }
  int status() const { return status_; }

 private:
  std::optional<checkdb::KnownDomain> known_;
  int night_ = 0;
  int status_ = 0;
};

DomainFacts broken() {
  DomainFacts facts = sound();
  stop_all(facts, smtp::Stop::no_starttls, smtp::Step::ehlo);
  return facts;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(std::ranges::distance(text | std::views::split(part))) - 1;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

TEST_CASE("a domain is named when it is watched for the first time, and then only when something changes") {
  Nights nights;
  const std::string first = nights.next(sound());
  CHECK(first_line(first) == "1 domain watched from now on");
  CHECK(first.contains("\n\nexample.org: 0 faults"));
  CHECK(nights.status() == 0);
  for (int night = 0; night < 3; ++night) CHECK(nights.next(sound()).empty());
  CHECK(nights.status() == 0);
}

TEST_CASE("what is worse is said at once, what is better after two nights, and both once") {
  Nights nights;
  nights.next(sound());
  const std::string worse = nights.next(broken());
  CHECK(first_line(worse) == "1 domain worse");
  CHECK(worse.contains("\n  fault        "));
  CHECK(worse.contains("(starttls)"));
  CHECK(nights.status() == 1);
  CHECK(nights.next(broken()).empty());
  CHECK(nights.status() == 0);
  CHECK(nights.next(sound()).empty());
  const std::string better = nights.next(sound());
  CHECK(first_line(better) == "1 domain better");
  CHECK(better.contains("no longer a fault (starttls)"));
  CHECK(nights.status() == 0);
  CHECK(nights.next(sound()).empty());
}

TEST_CASE("what comes and goes every night is said once") {
  Nights nights;
  nights.next(broken());
  CHECK(nights.status() == 1);
  for (int night = 0; night < 8; ++night) CHECK(nights.next(night % 2 == 0 ? sound() : broken()).empty());
}

TEST_CASE("nights without the DNS change nothing, and are said once after a week") {
  DomainFacts blind = undemanded();
  blind.hosts.clear();
  blind.mx = {.status = dns::Status::failed, .reason = "timeout"};
  Nights nights;
  nights.next(broken());
  for (int night = 0; night < 7; ++night) {
    CHECK(nights.next(blind).empty());
    CHECK(nights.status() == 75);
  }
  const std::string text = nights.next(blind);
  CHECK(first_line(text) == "1 domain not found out");
  CHECK(text.contains("example.org: something cannot be found out since 20"));
  CHECK(text.contains("(mx-records)"));
  CHECK(nights.next(blind).empty());
  CHECK(nights.next(broken()).empty());
  CHECK(nights.status() == 0);
}

TEST_CASE(
    "that the own network blocks port 25 is said once, however many domains are new or unknown for a week") {
  constexpr std::string_view code = "(smtp-own-network)";
  DomainFacts facts = undemanded();
  stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
  const auto report_of = [&facts](const std::vector<checkdb::KnownDomain>& before) {
    WatchReport report({});
    const Examined blocked = listtool::examine(facts);
    std::vector<checkdb::KnownDomain> known;
    for (std::size_t i = 0; i < 3; ++i)
      known.push_back(report.add(blocked, before.empty() ? nullptr : &before[i]));
    CHECK(report.exit_status() == 75);
    return std::pair(report.text(), known);
  };
  const auto [first, known] = report_of({});
  CHECK(first_line(first) == "3 domains watched from now on");
  CHECK(occurrences(first, code) == 1);
  CHECK(occurrences(first, "\nexample.org: 0 faults") == 3);
  CHECK(first.contains("\n\n3 domains\n  cannot tell  this host cannot connect to port 25"));

  facts.now += std::chrono::days(1);
  const auto [second, known_then] = report_of(known);
  CHECK(second.empty());
  facts.now += std::chrono::days(6);
  const auto [week, known_last] = report_of(known_then);
  CHECK(first_line(week) == "3 domains not found out");
  CHECK(week.starts_with("3 domains not found out\n\n3 domains\n  cannot tell  "));
  CHECK(occurrences(week, code) == 1);
  facts.now += std::chrono::days(1);
  CHECK(report_of(known_last).first.empty());
}

TEST_CASE("the summary counts the domains, and those that are worse come first") {
  WatchReport report({});
  const Examined good_now = listtool::examine(sound());
  const Examined bad_now = listtool::examine(broken());
  const checkdb::KnownDomain was_good = WatchReport({}).add(good_now, nullptr);
  checkdb::KnownDomain was_bad = WatchReport({}).add(bad_now, nullptr);
  was_bad = WatchReport({}).add(good_now, &was_bad);
  report.add(good_now, &was_bad);
  report.add(good_now, nullptr);
  report.add(bad_now, &was_good);
  report.add(bad_now, &was_good);
  report.add(good_now, &was_good);
  const std::string text = report.text();
  CHECK(first_line(text) == "2 domains worse, 1 watched from now on, 1 better");
  CHECK(text.find(" worse, 0 better") < text.find(": 0 faults"));
  CHECK(text.find(": 0 faults") < text.find("0 worse, "));
  for (const auto& line : text | std::views::split('\n')) CHECK(std::ranges::distance(line) <= 80);
}
