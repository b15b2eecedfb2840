// serve counts the memory that it holds, whatever hostile domains publish. Measured on the heap.
#include <malloc.h>

#include "listtool/serve/answerer.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;
using namespace std::chrono_literals;

namespace {

// A sanitizer allocates memory itself, and keeps what was freed.
#ifdef STARTTLS_SANITIZED
constexpr bool heap_is_known = false;
#else
constexpr bool heap_is_known = true;
#endif
// If nothing is measured, a few show that nothing else is wrong.
constexpr int million = heap_is_known ? 1'000'000 : 10'000;

// Bytes that are allocated now.
std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Within a tenth, or so little that the memory of the test itself matters.
bool is_near(std::size_t counted, std::size_t held) {
  const std::size_t slack = held / 10 + 20'000;
  return counted + slack > held && counted < held + slack;
}

struct Hostile {
  int hosts = 0;
  int records = 0;  // of each host
  int record_size = 0;
  int patterns = 0;  // of an MTA-STS policy
  int reason_size = 0;
};

std::shared_ptr<const discovery::DomainFacts> facts_of(const Hostile& hostile, Time now) {
  auto facts = std::make_shared<discovery::DomainFacts>();
  facts->dane.emplace();
  facts->dane->reason = std::string(static_cast<std::size_t>(hostile.reason_size), 'r');
  for (int h = 0; h < hostile.hosts; ++h) {
    dane::Host host{.name = fmt::format("{}{}.test", std::string(200, 'm'), h)};
    for (int r = 0; r < hostile.records; ++r) {
      host.records.push_back({3, 1, 1, std::string(static_cast<std::size_t>(hostile.record_size), 'x')});
    }
    facts->dane->hosts.push_back(std::move(host));
  }
  if (hostile.patterns > 0) {
    std::string text = "version: STSv1\nmode: enforce\nmax_age: 604800\n";
    for (int i = 0; i < hostile.patterns; ++i) text += fmt::format("mx: mx{}.example.test\n", i);
    auto reading = mtasts::read_policy(text);
    REQUIRE(reading.policy);
    facts->mta_sts.policy_state.policy = {
        .policy = std::move(*reading.policy), .text = text, .id = "1", .fetched = now};
  }
  facts->mta_sts.record_reason = std::string(static_cast<std::size_t>(hostile.reason_size), 'r');
  return facts;
}

std::shared_ptr<const Replies> replies_of(const Hostile& hostile, Time now) {
  auto replies = std::make_shared<Replies>();
  replies->facts = facts_of(hostile, now);
  const std::string text(static_cast<std::size_t>(hostile.patterns) * 20 + 10, 't');
  for (Reply& reply : replies->of) reply = {.bytes = netstring(text), .outcome = Outcome::policy};
  replies->fresh_until = replies->usable_until = now + 1h;
  return replies;
}

// "a9.b9.c9....evil.test", as long as names are.
std::string hostile_name(int i) {
  return fmt::format("{}.{}.{}.d{}.evil.test", std::string(60, 'a'), std::string(60, 'b'),
                     std::string(60, 'c'), i);
}

}  // namespace

TEST_CASE("the table counts the memory that its domains use on the heap, whatever was published") {
  const Time now = test::at("2026-11-28T12:00:00Z");
  const std::vector<Hostile> kinds{
      {},
      {.reason_size = 700},
      {.hosts = 20},
      {.hosts = 20, .records = 1, .record_size = 60'000},
      {.hosts = 20, .records = 100, .record_size = 3},
      {.hosts = 3, .records = 400, .record_size = 32, .reason_size = 300},
      {.patterns = 1},
      {.patterns = 2'500},
  };
  for (const Hostile& kind : kinds) {
    CAPTURE(kind.hosts, kind.records, kind.record_size, kind.patterns);
    AnswerTable table({});
    const std::size_t before = heap_in_use();
    for (int i = 0; i < 300; ++i) table.put(hostile_name(i), replies_of(kind, now));
    const std::size_t held = heap_in_use() - before;
    if (heap_is_known) CHECK(is_near(table.bytes(), held));
  }
}

namespace {

// An answerer, and connections that asked it.
struct Scene final : ReplyListener {
  explicit Scene(AnswererLimits limits)
      : answerer(limits, counters, [this](LookupRequest question) { last = std::move(question); }) {
    answerer.set_time(now);
    answerer.moment = [this] { return moment; };
  }

  bool has_room(const PendingReply&) const override { return true; }
  void reply_arrived(const PendingReply&) override { ++arrived; }

  void look_up(const std::string& domain, const std::shared_ptr<const Replies>& replies, bool keep = true) {
    std::shared_ptr<PendingReply> pending;
    (void)answerer.answer({.map = "postfix", .key = domain}, *this, pending);
    answerer.deliver({.next_hop = last->next_hop, .replies = replies, .keep = keep});
  }

  Time now = test::at("2026-11-28T12:00:00Z");
  SteadyTime moment{};
  Counters counters;
  std::optional<LookupRequest> last;
  std::uint64_t arrived = 0;
  Answerer answerer;
};

}  // namespace

TEST_CASE("a million hostile names use no more memory than the limit, and the counter shows that") {
  constexpr std::size_t most = std::size_t{8} << 20U;
  constexpr int names = million;
  Scene scene({.table = {.max_domains = 100'000, .max_bytes = most}});
  const std::size_t before = heap_in_use();
  std::size_t largest = 0;
  for (int i = 0; i < names; ++i) {
    const bool is_large = i % 1'000 == 0;
    scene.look_up(
        hostile_name(i),
        replies_of({.hosts = is_large ? 20 : 0, .records = 1, .record_size = 10'000, .reason_size = i % 300},
                   scene.now));
    if (i % 10'000 == 0) largest = std::max(largest, heap_in_use() - before);
  }
  CHECK(scene.arrived == names);
  CHECK(scene.counters.table_bytes.value() <= most);
  CHECK(scene.counters.evicted.value() == names - scene.counters.domains.value());
  if (!heap_is_known) return;
  CHECK(is_near(scene.counters.table_bytes.value(), heap_in_use() - before));
  constexpr std::size_t most_in_all = most * 5 / 4;
  CHECK(largest < most_in_all);
}

// While too many domains are being looked up every request is answered at once.
TEST_CASE("a million requests that are answered at once use no memory while an earlier one waits") {
  Scene scene({});
  std::shared_ptr<PendingReply> waiting;
  REQUIRE(scene.answerer.answer({.map = "postfix", .key = "slow.test"}, scene, waiting).empty());
  auto busy = std::make_shared<Replies>();
  for (Reply& reply : busy->of) reply = temporary_error("too many domains are being looked up");
  const std::size_t before = heap_in_use();
  for (int i = 0; i < million; ++i) scene.look_up(hostile_name(i), busy, false);
  CHECK(scene.answerer.waiting() == 1);
  CHECK(scene.answerer.table().domains() == 0);
  if (heap_is_known) CHECK(heap_in_use() - before < 100'000);
}
