#include "tlsrptdb/suppressions.h"

#include "support.h"
#include "tlsrptdb/report_store.h"

using namespace starttls;
using namespace starttls::test;
using namespace starttls::tlsrptdb;
using namespace std::chrono_literals;

namespace {

const Time now = at("2026-11-27T06:00:00Z");

Suppressions suppressions_in(const TemporaryFolder& folder) {
  return good(Suppressions::open(report_file(folder.path()), store::Access::owner));
}

}  // namespace

TEST_CASE("an address is suppressed for its time, whatever its case") {
  const TemporaryFolder folder;
  auto suppressions = suppressions_in(folder);
  good(suppressions.add({.address = "TLS@Example.org", .since = now, .reason = "550 no such user"}));
  const std::vector<Suppression> one{
      {.address = "tls@example.org", .since = now, .reason = "550 no such user"}};
  CHECK(good(suppressions.active(now)) == one);
  CHECK(good(suppressions.active(now + suppression_time - 1ms)) == one);
  CHECK(good(suppressions.active(now + suppression_time)).empty());
  good(suppressions.forget_ended(now + suppression_time));
  CHECK(good(suppressions.active(now)).empty());
}

TEST_CASE("a later bounce starts the time again, an earlier one does not") {
  const TemporaryFolder folder;
  auto suppressions = suppressions_in(folder);
  good(suppressions.add({.address = "a@b.example", .since = now, .reason = "first"}));
  good(suppressions.add({.address = "a@b.example", .since = now + 24h, .reason = "second"}));
  good(suppressions.add({.address = "a@b.example", .since = now - 24h, .reason = "late"}));
  CHECK(good(suppressions.active(now)).at(0).since == now + 24h);
}

TEST_CASE("an address can be removed") {
  const TemporaryFolder folder;
  auto suppressions = suppressions_in(folder);
  good(suppressions.add({.address = "a@b.example", .since = now, .reason = ""}));
  CHECK(good(suppressions.remove("A@b.example")));
  CHECK_FALSE(good(suppressions.remove("a@b.example")));
  CHECK(good(suppressions.active(now)).empty());
}
