#include "listtool/signers.h"

#include "listtool/update_report.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

using std::chrono::days;

const Time now = at("2026-11-29T03:00:00Z");

const minisign::PublicKey a =
    good(minisign::parse_key("RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"));
const minisign::PublicKey b =
    good(minisign::parse_key("RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq"));

// It names key a until tomorrow, and key b from tomorrow on.
keyring::Keyring version_3() {
  return {.list = "sector",
          .version = 3,
          .created = now,
          .expires = now + days(365),
          .root = {.threshold = 1, .keys = {a}},
          .signing = {{.key = a, .from = now - days(30), .until = now + days(1)},
                      {.key = b, .from = now + days(1), .until = now + days(30)}}};
}

}  // namespace

TEST_CASE("without root keys the configured keys sign, whenever") {
  const ListSettings settings{.keys = {a, b}, .signatures = 2};
  CHECK(current_signers(settings, nullptr, now).keys == settings.keys);
  CHECK(current_signers(settings, nullptr, now).required == 2);
  CHECK(signers_of_installed(settings, nullptr).keys == settings.keys);
}

TEST_CASE("with root keys those sign whose time it is, and what they signed stays") {
  const keyring::Keyring three = version_3();
  const ListSettings settings{.root_keys = {a}};
  CHECK(current_signers(settings, &three, now).keys == std::vector{a});
  CHECK(current_signers(settings, &three, now + days(1)).keys == std::vector{b});
  CHECK(current_signers(settings, &three, now + days(30)).keys.empty());
  CHECK(signers_of_installed(settings, &three).keys == std::vector{a, b});
  CHECK(current_signers(settings, nullptr, now).keys.empty());
  CHECK(signers_of_installed(settings, nullptr).keys.empty());
}

TEST_CASE("the higher number of signatures counts") {
  keyring::Keyring two = version_3();
  two.threshold = 2;
  CHECK(current_signers({.root_keys = {a}}, &two, now).required == 2);
  CHECK(current_signers({.root_keys = {a}, .signatures = 3}, &two, now).required == 3);
  CHECK(signers_of_installed({.root_keys = {a}, .signatures = 3}, &two).required == 3);
}

TEST_CASE("enough of the signers must have signed") {
  const std::string by_a = key_name(a.id);
  const std::string by_both = by_a + ", " + key_name(b.id);
  CHECK(have_signed({.keys = {a}}, by_a));
  CHECK(have_signed({.keys = {b}}, by_both));
  CHECK_FALSE(have_signed({.keys = {b}}, by_a));
  CHECK(have_signed({.keys = {a, b}, .required = 2}, by_both));
  CHECK_FALSE(have_signed({.keys = {a}, .required = 2}, by_both));
  CHECK_FALSE(have_signed({.keys = {a, b}, .required = 2}, by_a));
  CHECK_FALSE(have_signed({.keys = {}}, by_a));
  CHECK_FALSE(have_signed({.keys = {a}}, ""));
}

TEST_CASE("root keys are the same in any order, but not with another threshold") {
  CHECK(roots_text({.root_keys = {a, b}, .threshold = 2}) ==
        roots_text({.root_keys = {b, a}, .threshold = 2}));
  CHECK(roots_text({.root_keys = {a, b}}) != roots_text({.root_keys = {a, b}, .threshold = 2}));
  CHECK(roots_text({.root_keys = {a}}) == "1 of " + minisign::to_base64(a));
  CHECK(roots_text({.keys = {a}}).empty());
}

TEST_CASE("a report says which online keys are new and which are revoked") {
  keyring::Keyring next = version_3();
  next.version = 4;
  next.signing.erase(next.signing.begin());
  const keyring::Keyring three = version_3();
  UpdateReport report;
  report.lists.push_back({.name = "sector", .result = "unchanged"});
  report.lists.back().keys = compare(&three, next);
  CHECK(to_string(report) == "sector: version 4 of keys.json, expires 2027-11-29T03:00:00Z; key " +
                                 minisign::to_string(a.id) + " revoked\n");
  report.lists.back().keys = compare(nullptr, three);
  CHECK(to_string(report) == "sector: version 3 of keys.json, expires 2027-11-29T03:00:00Z; key " +
                                 minisign::to_string(a.id) + " added; key " + minisign::to_string(b.id) +
                                 " added\n");
}
