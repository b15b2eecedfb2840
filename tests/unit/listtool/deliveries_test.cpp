#include "listtool/deliveries.h"

#include <array>

#include "outbound/store.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-27T06:00:00Z");

void add(outbound::AddedPolicies& policies, const std::string& domain, int days_ago, std::uint64_t successful,
         std::uint64_t failed, const std::string& mode = "enforce") {
  outbound::PolicyCount count{.successful = successful, .failed = failed};
  if (failed > 0) count.failures[{.result_type = "certificate-expired"}] = failed;
  policies[{.day = to_day(now) - std::chrono::days{days_ago},
            .digest = store::row_digest(std::array<std::string_view, 2>{domain, mode})}] = {
      .texts = {.domain = domain, .policy_type = "sts", .policy_strings = "mode: " + mode}, .count = count};
}

}  // namespace

TEST_CASE("the results of mail to a domain in the last 30 days are read and described") {
  const TemporaryFolder folder;
  outbound::AddedPolicies policies;
  add(policies, "a.example", 1, 2'000, 0);
  add(policies, "a.example", 2, 101, 3, "testing");
  add(policies, "a.example", 31, 77, 77);
  add(policies, "b.example", 1, 5, 0);
  {
    const auto store = good(outbound::open_sqlite_store(folder / "s", outbound::Access::owner));
    const auto transaction = good(store->begin_fold());
    good(transaction->add(policies, {}, {}));
    good(transaction->commit());
  }
  const auto deliveries = good(read_deliveries(folder / "s", "a.example", now));
  REQUIRE(deliveries);
  CHECK(describe_deliveries(*deliveries) ==
        "2104 sessions in 30 days, the last on 2026-11-26; 3 failed: certificate-expired (3); with mode "
        "enforce, 3 "
        "would have been deferred");
  const auto other = good(read_deliveries(folder / "s", "b.example", now));
  REQUIRE(other);
  CHECK(describe_deliveries(*other) == "5 sessions in 30 days, the last on 2026-11-26; none failed");
  CHECK_FALSE(good(read_deliveries(folder / "s", "c.example", now)));
}

TEST_CASE("without a store there is nothing, and a file that is none is an error") {
  const TemporaryFolder folder;
  CHECK_FALSE(good(read_deliveries(folder / "missing", "a.example", now)));
  CHECK_FALSE(good(read_deliveries("", "a.example", now)));
  write(folder / "s", "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK(bad(read_deliveries(folder / "s", "a.example", now)).fault == Fault::data);
}
