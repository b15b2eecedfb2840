#include "listingdb/report_db.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::listingdb;
using namespace starttls::test;

namespace {

const Day first{std::chrono::days(20'000)};
const Day second = first + std::chrono::days(1);

DomainName name(const std::string& text) {
  return good(DomainName::parse(text));
}

DeliveryReport of(const std::string& reporter, std::uint64_t successful, std::uint64_t failed = 0,
                  Failures failures = {}, Day day = first) {
  return {.day = day,
          .reporter = reporter,
          .successful = successful,
          .failed = failed,
          .failures = std::move(failures)};
}

class Reports {
 public:
  explicit Reports(ReportLimits limits = {}) : db(good(ReportDb::open(file, limits))) {}

  Taken take(const std::string& domain, const DeliveryReport& report) {
    return good(
        db.take({.fingerprint = ++fingerprint, .day = report.day, .deliveries = {{name(domain), report}}}));
  }
  std::vector<DeliveryReport> of(const std::string& domain, Day from = first) {
    return good(db.find(name(domain), from));
  }

  TemporaryFolder folder;
  std::filesystem::path file = folder / "reports.sqlite";
  ReportDb db;
  std::int64_t fingerprint = 0;
};

}  // namespace

TEST_CASE("deliveries of a domain are kept by day and reporter") {
  Reports reports;
  const DeliveryReport failing = of("b.test", 7, 2, {{"certificate-expired", 1}, {"validation-failure", 1}});
  reports.take("example.org", failing);
  reports.take("example.org", of("a.test", 5, 0, {}, second));
  reports.take("example.net", of("a.test", 1));
  CHECK(reports.of("example.org") == std::vector{failing, of("a.test", 5, 0, {}, second)});
  CHECK(reports.of("example.org", second).size() == 1);
  CHECK(reports.of("example.com").empty());
  const auto failures = good(reports.db.with_failures(first));
  CHECK(failures.size() == 1);
  CHECK(failures.at(name("example.org")).size() == 2);
  CHECK(good(reports.db.with_failures(second)).empty());
}

TEST_CASE("two reports of one reporter about a day add up, and the same report counts once") {
  Reports reports;
  reports.take("example.org", of("a.test", 5, 1, {{"certificate-expired", 1}}));
  reports.take("example.org", of("a.test", 6, 2, {{"certificate-expired", 2}}));
  const std::vector sums{of("a.test", 11, 3, {{"certificate-expired", 3}})};
  CHECK(reports.of("example.org") == sums);
  --reports.fingerprint;
  CHECK_FALSE(reports.take("example.org", of("a.test", 6, 2)).is_new);
  CHECK(reports.of("example.org") == sums);
}

TEST_CASE("what reports leave is limited") {
  Reports reports({.reporters = 2, .deliveries = 4});
  CHECK(reports.take("a.test", of("one", 1)).left_out == 0);
  CHECK(reports.take("a.test", of("two", 1)).left_out == 0);
  CHECK(reports.take("a.test", of("three", 1)).left_out == 1);  // the reporters of a day
  CHECK(reports.take("a.test", of("one", 1)).left_out == 0);    // is there already
  CHECK(reports.take("a.test", of("one", 1, 0, {}, second)).left_out == 0);
  CHECK(reports.take("b.test", of("one", 1)).left_out == 0);
  CHECK(reports.take("c.test", of("one", 1)).left_out == 1);  // the file
  CHECK(reports.of("a.test").front().successful == 2);
}

TEST_CASE("texts of reports are cut, and strange result types are others") {
  Reports reports;
  Failures failures{{"certificate expired=9", 1}, {std::string(61, 'x'), 2}, {"", 3}, {"of-tomorrow", 4}};
  reports.take("example.org", of("evil\n" + std::string(1000, 'x'), 0, 10, std::move(failures)));
  const DeliveryReport kept = reports.of("example.org").at(0);
  CHECK(kept.failures == Failures{{"of-tomorrow", 4}, {"other", 6}});
  CHECK(kept.reporter.size() < 110);
  CHECK(kept.reporter.starts_with("evil\\x0axxx"));

  Failures many;
  for (int i = 0; i < 100; ++i) many[fmt::format("type-{:02}", i)] = 1;
  reports.take("example.net", of("a", 0, 100, many));
  CHECK(reports.of("example.net").at(0).failures.size() == max_failure_types + 1);
  CHECK(reports.of("example.net").at(0).failures.at("other") == 80);
}

TEST_CASE("old reports are removed, and the file is found again") {
  Reports reports;
  reports.take("example.org", of("a.test", 1));
  reports.take("example.org", of("a.test", 2, 0, {}, second));
  good(reports.db.prune(second));
  ReportDb again = good(ReportDb::open(reports.file));
  CHECK(good(again.find(name("example.org"), first)).size() == 1);
  CHECK(good(again.take({.fingerprint = 1, .day = first})).is_new);
  CHECK_FALSE(good(again.take({.fingerprint = 2, .day = second})).is_new);
}

TEST_CASE("a file of another kind is refused") {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "reports.sqlite";
  write(file, "no database");
  CHECK(ReportDb::open(file).error().fault == Fault::data);
}
