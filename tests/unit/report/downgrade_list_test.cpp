#include "report/downgrade_list.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

TEST_CASE("downgrades have their addresses, and are in order, the newest first") {
  const auto plaintext = [](std::string_view begin, const char* address, const char* name, bool downgraded,
                            store::DailyCounts& counts) {
    add(counts,
        session::Session{
            .begin = at(begin), .client_address = address, .client_name = name, .transactions = 1},
        downgraded);
  };
  store::DailyCounts counts;
  plaintext("2026-11-22T10:00:00Z", "192.0.2.1", "a.sender.test", true, counts);
  plaintext("2026-11-22T11:00:00Z", "192.0.2.2", "b.sender.test", true, counts);
  plaintext("2026-11-22T12:00:00Z", "192.0.2.3", "c.sender.test", false, counts);
  plaintext("2026-11-23T10:00:00Z", "", "a.sender.test", true, counts);
  const std::vector<store::Downgrade> downgrades{{.sender = "sender.test",
                                                  .day = good(parse_day("2026-11-22")),
                                                  .first_plaintext = at("2026-11-22T10:00:00Z")},
                                                 {.sender = "sender.test",
                                                  .day = good(parse_day("2026-11-23")),
                                                  .first_plaintext = at("2026-11-23T10:00:00Z")}};
  const auto entries = downgrade_entries(
      downgrades, counts, [](const std::string& name) { return name.substr(name.find('.') + 1); });
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].downgrade.day == good(parse_day("2026-11-23")));
  CHECK(entries[0].addresses.empty());
  CHECK(entries[1].addresses == std::set<std::string>{"192.0.2.1", "192.0.2.2"});
}
