#include "preload/findings.h"

#include "support.h"

using namespace starttls::preload;

TEST_CASE("findings are told in the order of their places, and those of one place as they came") {
  Findings findings;
  for (const auto& [line, column, message] : {std::tuple{2U, 1U, "c"},
                                              {1U, 9U, "b"},
                                              {10U, 1U, "f"},
                                              {2U, 1U, "d"},
                                              {1U, 2U, "a"},
                                              {2U, 3U, "e"}}) {
    findings.add(Severity::note, {.line = line, .column = column}, {}, message);
  }
  std::string told;
  for (const Finding& finding : std::move(findings).in_order()) told += finding.message;
  CHECK(told == "abcdef");
}
