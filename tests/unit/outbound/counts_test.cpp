#include "outbound/counts.h"

#include "examples.h"
#include "outbound/columns.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

namespace {

SegmentContent::Counted counted(const std::vector<ReceivedResult>& results,
                                const std::vector<LoggedResults>& logged = {}) {
  SegmentContent content;
  for (const ReceivedResult& result : results) CHECK(content.add(encode(result)));
  for (const LoggedResults& one : logged) CHECK(content.add(encode(one)));
  return content.take();
}

}  // namespace

TEST_CASE("results with the same content are added up") {
  const SegmentContent::Counted all =
      counted({received(datagram()), received(datagram()), received(failed_datagram())});
  REQUIRE(all.policies.size() == 1);
  const DailyCounts counts = daily_counts(all.policies);
  const auto& [of, count] = *counts.begin();
  CHECK(of.day == to_day(noon));
  CHECK(of.policy.domain == "example.org");
  CHECK(of.policy.record == "v=TLSRPTv1; rua=mailto:tls@example.org");
  CHECK(of.policy.policy_type == "sts");
  CHECK(of.policy.mx_hosts == std::vector<std::string>{"mx.example.org"});
  CHECK(count.successful == 2);
  CHECK(count.failed == 1);
  REQUIRE(count.failures.size() == 1);
  const auto& [failure, sessions] = *count.failures.begin();
  CHECK(failure.result_type == "certificate-host-mismatch");
  CHECK(failure.receiving_mx_hostname == "mx.example.org");
  CHECK(failure.failure_reason_code == "no match");
  CHECK(sessions == 1);
  CHECK(all.days.at(to_day(noon)) == DayTotal{.results = 3});
}

TEST_CASE("a result counts on the day on which it was received, in UTC") {
  const SegmentContent::Counted all = counted(
      {received(datagram(), at("2026-11-22T23:59:59Z")), received(datagram(), at("2026-11-23T00:00:00Z"))});
  CHECK(all.policies.size() == 2);
  CHECK(all.days.size() == 2);
}

TEST_CASE("domains, records, policies and sources are kept apart") {
  std::string other_record = datagram();
  other_record.replace(other_record.find("tls@"), 4, "TLS@");
  std::string other_policy = datagram();
  other_policy.replace(other_policy.find("enforce"), 7, "testing");
  const std::string example = datagram();
  const std::string other_domain = datagram("other.example");
  const SegmentContent::Counted all =
      counted({received(example), received(other_domain), received(other_record), received(other_policy)},
              {{.read = noon, .position = {}, .datagrams = {example}}});
  CHECK(all.policies.size() == 5);
}

TEST_CASE("policies that differ by an empty text only are added up where texts are read") {
  AddedPolicies policies;
  for (const char* lines : {"mode: enforce", "mode: enforce\n"}) {
    const PolicyTexts texts{.domain = "example.org", .policy_strings = lines};
    policies[{.day = to_day(noon), .digest = digest_of(texts)}] = {.texts = texts,
                                                                   .count = {.successful = 2}};
  }
  CHECK(policies.size() == 2);
  const DailyCounts counts = daily_counts(policies);
  REQUIRE(counts.size() == 1);
  CHECK(counts.begin()->second.successful == 4);
}

TEST_CASE("malformed datagrams are counted, and hide nothing else") {
  const SegmentContent::Counted all =
      counted({received("no JSON"), received(datagram()), received("{}"), received("no JSON")});
  CHECK(all.policies.size() == 1);
  CHECK(all.days.at(to_day(noon)) == DayTotal{.results = 1, .malformed = 3});
  CHECK_FALSE(all.malformed_reason.empty());
}

TEST_CASE("each result of the log counts, and the furthest position is kept") {
  const std::string success = datagram();
  const std::string failure = failed_datagram("b.example");
  const SegmentContent::Counted all = counted(
      {received(success)},
      {{.read = noon, .position = {.number = 2, .text = "two"}, .datagrams = {success, failure, success}},
       {.read = noon, .position = {.number = 3, .text = "three"}, .datagrams = {}},
       {.read = noon, .position = {.number = 1, .text = "one"}, .datagrams = {success}},
       {.read = noon, .position = {.number = 9, .text = ""}, .datagrams = {success}}});
  CHECK(all.days.at(to_day(noon)) == DayTotal{.results = 6});
  CHECK(all.policies.size() == 3);
  std::uint64_t from_log = 0;
  for (const auto& [of, count] : daily_counts(all.policies)) {
    if (of.policy.source == Source::log) from_log += count.successful + count.failed;
  }
  CHECK(from_log == 5);
  REQUIRE(all.position);
  CHECK(all.position->text == "three");
}

TEST_CASE("a payload that is no result is not taken") {
  SegmentContent content;
  CHECK_FALSE(content.add("nothing"));
  CHECK(content.take().policies.empty());
}

TEST_CASE("a flood of different failures keeps its sum, and is counted by MX host, then by result type") {
  std::map<Failure, std::uint64_t> failures;
  constexpr std::size_t flood = 10'000;
  for (std::size_t i = 0; i < flood; ++i) {
    add(failures,
        {.result_type = i % 2 == 0 ? "validation-failure" : fmt::format("type {}", i),
         .receiving_mx_hostname = fmt::format("mx{}.example.org", i),
         .failure_reason_code = fmt::format("reason {}", i)},
        1);
  }
  CHECK(failures.size() <= 3 * max_failures_of_policy + 1);
  std::uint64_t sum = 0;
  for (const auto& [failure, sessions] : failures) sum += sessions;
  CHECK(sum == flood);
  CHECK(failures.at({.result_type = "validation-failure"}) > 1);
}

TEST_CASE("keys differ with every member, and never change") {
  const PolicyTexts policy{.domain = "a",
                           .record = "b",
                           .policy_type = "c",
                           .policy_domain = "d",
                           .policy_strings = "e",
                           .mx_hosts = "f"};
  std::set<std::string> keys{store::to_row_key(digest_of(policy))};
  const auto add_key = [&](auto change) {
    PolicyTexts other = policy;
    change(other);
    CHECK(keys.insert(store::to_row_key(digest_of(other))).second);
  };
  add_key([](PolicyTexts& one) { one.domain = "x"; });
  add_key([](PolicyTexts& one) { one.record = "x"; });
  add_key([](PolicyTexts& one) { one.source = Source::log; });
  add_key([](PolicyTexts& one) { one.policy_type = "x"; });
  add_key([](PolicyTexts& one) { one.policy_domain = "x"; });
  add_key([](PolicyTexts& one) { one.policy_strings = "x"; });
  add_key([](PolicyTexts& one) { one.mx_hosts = "x"; });
  CHECK(store::to_row_key(digest_of(policy)) == "6d61b77d-f26b-a956-b73e-19d5d8eeb6b2");
}

TEST_CASE("lists of texts are kept as lines, within a limit") {
  const std::vector<std::string> texts{"version: STSv1", "mode: enforce", "mx: *.example.org"};
  CHECK(from_lines(to_lines(texts)) == texts);
  CHECK(to_lines({}).empty());
  CHECK(from_lines("").empty());
  CHECK(from_lines(to_lines({"two\nlines", "one"})).size() == 2);
  const std::vector<std::string> many(1'000, std::string(100, 'x'));
  CHECK(to_lines(many).size() <= max_list_size);
  CHECK(from_lines(to_lines(many)).size() > 50);
}
