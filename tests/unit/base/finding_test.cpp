#include "base/finding.h"

#include "support.h"

using namespace starttls;

TEST_CASE("a finding contains its place, its subject, and the fault") {
  CHECK(to_string(Finding{.position = {3, 7}, .entry = "mx", .message = "is empty"}) == "3:7: mx: is empty");
  CHECK(to_string(Finding{.position = {1, 1}, .entry = {}, .message = "has no mode"}) == "1:1: has no mode");
}

TEST_CASE("findings are in the order of their places, those of one place in the order of reporting") {
  Findings findings;
  findings.add(Severity::note, {2, 1}, "d", "");
  findings.add(Severity::fault, {1, 9}, "b", "");
  findings.add(Severity::note, {1, 9}, "c", "");
  findings.add(Severity::note, {1, 1}, "a", "");
  std::string order;
  for (const Finding& finding : std::move(findings).take()) order += finding.entry;
  CHECK(order == "abcd");
}

TEST_CASE("the subject of a finding is escaped") {
  Findings findings;
  findings.add(Severity::note, {}, "a\x1b[2J", "");
  CHECK(std::move(findings).take().at(0).entry == "a\\x1b[2J");
}

TEST_CASE("faults are counted, the first refusal is found") {
  Findings findings;
  CHECK_FALSE(findings.refused());
  findings.add(Severity::refused, {3, 1}, "later", "");
  findings.add(Severity::refused, {2, 1}, "first", "");
  findings.add(Severity::fault, {1, 1}, "", "");
  CHECK(findings.refused());
  const auto all = std::move(findings).take();
  CHECK(faults(all) == 1);
  REQUIRE(refusal(all) != nullptr);
  CHECK(refusal(all)->entry == "first");
  CHECK(refusal({}) == nullptr);
}

TEST_CASE("beyond the limit findings are only counted, except the reason for a refusal") {
  Findings findings;
  for (std::size_t i = 0; i < Findings::max_size + 5; ++i) findings.add(Severity::fault, {1, i + 1}, "", "");
  findings.add(Severity::refused, {2, 1}, "", "");
  findings.add(Severity::refused, {2, 2}, "", "");
  CHECK(findings.suppressed() == 6);
  const auto all = std::move(findings).take();
  CHECK(all.size() == Findings::max_size + 1);
  CHECK(all.back().severity == Severity::refused);
}
