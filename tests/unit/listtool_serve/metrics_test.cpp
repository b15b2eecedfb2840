#include "listtool/serve/metrics.h"

#include <map>
#include <regex>
#include <set>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;

TEST_CASE("the page for Prometheus is in its text format, with help and type of every metric") {
  Counters counters;
  counters.requests[0][1].add(3);
  const Lists lists;
  const std::string page = metrics_page({.counters = counters,
                                         .lists = lists,
                                         .started = test::at("2026-11-22T12:00:00Z"),
                                         .now = test::at("2026-11-22T13:00:00Z"),
                                         .listen_failures = 2});
  CHECK_THAT(page, Catch::Matchers::ContainsSubstring(
                       "\nstarttls_listtool_requests_total{dialect=\"postfix\",result=\"none\"} 3\n"));
  CHECK_THAT(page,
             Catch::Matchers::ContainsSubstring("\nstarttls_listtool_start_time_seconds 1795348800.000\n"));
  const std::regex help("# HELP ([a-z_]+) .+\\.");
  const std::regex type("# TYPE ([a-z_]+) (counter|gauge)");
  const std::regex sample("([a-z_]+)(\\{[a-z]+=\"[^\"]+\"(,[a-z]+=\"[^\"]+\")*\\})? ([0-9.]+)");
  std::istringstream lines(page);
  std::map<std::string, std::string> types;
  std::set<std::string> helped, samples;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      CHECK(helped.insert(match[1]).second);
    } else if (std::regex_match(line, match, type)) {
      CHECK(helped.contains(match[1]));
      CHECK(types.emplace(match[1], match[2]).second);
    } else {
      REQUIRE(std::regex_match(line, match, sample));
      REQUIRE(types.contains(match[1]));
      CHECK(samples.insert(match[1].str() + match[2].str()).second);
      CHECK((types[match[1]] == "counter") == match[1].str().ends_with("_total"));
    }
  }
  CHECK(types.size() > 20);
}
