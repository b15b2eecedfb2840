#include "report/publication_changes.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;
using tlsrptdb::Publication;

namespace {

const Time now = at("2026-11-27T07:00:00Z");
const Time before = at("2026-11-26T07:00:00Z");
const Publication seen{
    .policy_domain = "a.test", .kind = std::string(mta_sts_policy), .seen = before, .missed = {}};

std::vector<PublicationLookup> found(Presence presence, const std::string& domain = "a.test") {
  return {{.policy_domain = domain,
           .kind = std::string(mta_sts_policy),
           .presence = presence,
           .reason = "status 404"}};
}

}  // namespace

TEST_CASE("published records are remembered, and records that never existed are no change") {
  const auto first = compare({}, found(Presence::present), now);
  REQUIRE(first.to_keep.size() == 1);
  CHECK(first.to_keep[0].seen == now);
  CHECK(first.gone.empty());
  const auto none = compare({}, found(Presence::gone), now);
  CHECK(none.gone.empty());
  CHECK(none.to_keep.empty());
  CHECK(compare({seen}, found(Presence::gone, "b.test"), now).gone.empty());
}

TEST_CASE("a record that is gone is reported until it is forgotten") {
  const auto changes = compare({seen}, found(Presence::gone), now);
  REQUIRE(changes.gone.size() == 1);
  REQUIRE(changes.to_keep.size() == 1);
  CHECK(changes.to_keep[0].missed == now);
  CHECK(changes.to_keep[0].seen == before);
  CHECK(
      description(changes.gone[0])
          .starts_with("a.test: its MTA-STS policy is gone, which was last seen on 2026-11-26: status 404."));
  const auto later = compare(changes.to_keep, found(Presence::gone), now + max_missed);
  CHECK(later.gone.size() == 1);
  CHECK(later.to_keep[0].missed == now);
  const auto last = compare(later.to_keep, found(Presence::gone), now + max_missed + std::chrono::hours{1});
  CHECK(last.gone.empty());
  CHECK(last.to_forget.size() == 1);
}

TEST_CASE("a failed lookup changes nothing, and a record that is back counts as published") {
  const auto unknown = compare({seen}, found(Presence::unknown), now);
  CHECK(unknown.gone.empty());
  CHECK(unknown.to_keep.empty());
  CHECK(unknown.to_forget.empty());
  Publication missed = seen;
  missed.missed = before;
  const auto back = compare({missed}, found(Presence::present), now);
  CHECK(back.gone.empty());
  REQUIRE(back.to_keep.size() == 1);
  CHECK_FALSE(back.to_keep[0].missed);
}
