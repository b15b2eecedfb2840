// What a publisher's page tells consumers to write (lib/listingpages) is what listtool.toml takes.

#include "listingpages/pages.h"
#include "listtool/configuration.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;

TEST_CASE("listtool.toml takes the table on the page of a list as it is") {
  const TemporaryFolder folder;
  write(folder / "listtool.toml",
        listingpages::list_table({.name = "sector",
                                  .url = "https://lists.example.org/",
                                  .file = "sector.json",
                                  .keys = {"RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf",
                                           "RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq"}}));
  const listtool::Configuration configuration = good(listtool::read_configuration(folder / "listtool.toml"));
  REQUIRE(configuration.lists.size() == 1);
  CHECK(configuration.lists[0].name == "sector");
  CHECK(configuration.lists[0].url == "https://lists.example.org/sector.json");
  CHECK(configuration.lists[0].keys.size() == 2);
}

TEST_CASE("with root keys the table has them and their threshold") {
  const TemporaryFolder folder;
  write(folder / "listtool.toml",
        listingpages::list_table({.name = "sector",
                                  .url = "https://lists.example.org/",
                                  .file = "sector.json",
                                  .root_keys = {"RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf",
                                                "RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq"},
                                  .threshold = 2,
                                  .keys = {"RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"}}));
  const listtool::Configuration configuration = good(listtool::read_configuration(folder / "listtool.toml"));
  REQUIRE(configuration.lists.size() == 1);
  CHECK(configuration.lists[0].root_keys.size() == 2);
  CHECK(configuration.lists[0].threshold == 2);
  CHECK(configuration.lists[0].keys.empty());
}
