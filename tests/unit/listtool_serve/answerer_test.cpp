#include "listtool/serve/answerer.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;
using namespace std::chrono_literals;

namespace {

DomainName name(std::string_view text) {
  return test::good(DomainName::parse(text));
}

std::shared_ptr<const Replies> replies_of(std::string_view text, Time fresh_until, Time usable_until,
                                          std::uint64_t generation = 0) {
  auto replies = std::make_shared<Replies>();
  for (Reply& reply : replies->of) reply = {.bytes = netstring(text), .outcome = Outcome::policy};
  replies->fresh_until = fresh_until;
  replies->usable_until = usable_until;
  replies->generation = generation;
  return replies;
}

// An answerer whose questions are kept, and a receiver that counts its replies.
struct Scene final : ReplyListener {
  explicit Scene(AnswererLimits limits = {})
      : answerer(limits, counters,
                 [this](LookupRequest question) { questions.push_back(std::move(question)); }) {
    answerer.set_time(now);
    answerer.moment = [this] { return moment; };
  }

  bool has_room(const PendingReply&) const override { return room; }
  void reply_arrived(const PendingReply&) override { ++arrived; }

  // The reply, or "" if it is pending.
  std::string ask(std::string_view key, std::string_view map = "postfix") {
    std::shared_ptr<PendingReply> added;
    const std::string reply(answerer.answer({.map = map, .key = key}, *this, added));
    if (added) pending.push_back(added);
    CHECK(reply.empty() == (added != nullptr));
    return reply;
  }
  void tell(std::string_view domain, std::shared_ptr<const Replies> replies, bool last = true) {
    answerer.deliver({.next_hop = name(domain), .replies = std::move(replies), .last = last});
  }
  void pass(std::chrono::milliseconds time) {
    moment += time;
    now += time;
    answerer.set_time(now);
    answerer.expire(moment);
  }

  Time now = test::at("2026-11-22T12:00:00Z");
  SteadyTime moment{};
  Counters counters;
  std::vector<LookupRequest> questions;
  std::vector<std::shared_ptr<PendingReply>> pending;
  int arrived = 0;
  bool room = true;
  Answerer answerer;
};

}  // namespace

TEST_CASE("a domain is examined once for all who ask meanwhile, and then known") {
  Scene scene;
  CHECK(scene.ask("example.org").empty());
  CHECK(scene.ask("EXAMPLE.org.", "sts").empty());
  REQUIRE(scene.questions.size() == 1);
  CHECK(scene.questions[0].next_hop == name("example.org"));
  CHECK(scene.questions[0].known == nullptr);
  scene.tell("example.org", replies_of("OK x", scene.now + 1h, scene.now + 2h));
  CHECK(scene.arrived == 2);
  CHECK(scene.pending[0]->bytes == "4:OK x,");
  CHECK(scene.pending[1]->bytes == "4:OK x,");
  CHECK(scene.ask("example.org") == "4:OK x,");
  CHECK(scene.ask("Example.ORG") == "4:OK x,");
  CHECK(scene.questions.size() == 1);
  CHECK(scene.answerer.waiting() == 0);
}

TEST_CASE("a name without a policy domain has no policy, and no question is asked") {
  Scene scene;
  for (const std::string_view key : {"",
                                     ".",
                                     ".example.org",
                                     "[192.0.2.1]",
                                     "[192.0.2.1]:25",
                                     "[IPv6:2001:db8::1]",
                                     "[IPv6:2001:db8::1]:587",
                                     "192.0.2.1",
                                     "192.0.2.1:587",
                                     "IPv6:::1",
                                     "[a b]",
                                     "[]",
                                     "[example.org",
                                     "example.org:nonsense",
                                     "a b.example",
                                     "a..example",
                                     "\xFF\xFE",
                                     "*.example",
                                     "private/lmtp",
                                     "-a_b.example"}) {
    CAPTURE(key);
    CHECK(scene.ask(key) == "9:NOTFOUND ,");
    CHECK(scene.ask(key, "sts") == "9:NOTFOUND ,");
  }
  CHECK(scene.ask(std::string(990, 'a')) == "9:NOTFOUND ,");
  CHECK(scene.questions.empty());
}

TEST_CASE("each next-hop of Postfix is examined separately, and Sendmail has none") {
  Scene scene;
  const std::vector<std::string> keys{"relay.test", "relay.test:587", "relay.test:submission", "[relay.test]",
                                      "[relay.test]:587"};
  for (const std::string& key : keys) CHECK(scene.ask(key).empty());
  REQUIRE(scene.questions.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(scene.questions[i].next_hop.str() == keys[i]);
    CHECK(scene.questions[i].next_hop.domain() == name("relay.test"));
  }
  CHECK(scene.ask("[Relay.TEST.]:587").empty());
  CHECK(scene.questions.size() == keys.size());
  const auto replies = replies_of("OK x", scene.now + 1min, scene.now + 2h);
  scene.answerer.deliver({.next_hop = test::good(NextHop::parse("[relay.test]:587")), .replies = replies});
  CHECK(scene.ask("[relay.test]:587") == "4:OK x,");
  CHECK(scene.ask("[RELAY.test]:587") == "4:OK x,");
  CHECK(scene.ask("[relay.test]").empty());
  for (const std::string_view key : {"[relay.test]:587", "relay.test:587", "[relay.test]"}) {
    CHECK(scene.ask(key, "sts") == "9:NOTFOUND ,");
  }
  // In the background, too.
  scene.pass(2min);
  scene.ask("[relay.test]:587");
  CHECK(scene.questions.back().next_hop.str() == "[relay.test]:587");
  CHECK(scene.questions.back().known == replies);
}

TEST_CASE("for a name with underscores, which no policy host has, Postfix looks for DANE itself") {
  for (const std::string_view key : {"a_b.example", "_a.example.org", "[mx_1.example.org]:587"}) {
    CAPTURE(key);
    CHECK(Scene().ask(key) == "7:OK dane,");
    CHECK(Scene().ask(key, "sts") == "9:NOTFOUND ,");
    CHECK(Scene({.dane = false}).ask(key) == "9:NOTFOUND ,");
    // Its own level is stricter.
    CHECK(Scene({.wait_for_dane = true}).ask(key) == "9:NOTFOUND ,");
  }
}

TEST_CASE("a stale answer is still used, and is asked for once in the background") {
  Scene scene;
  scene.ask("example.org");
  const auto first = replies_of("OK x", scene.now + 1min, scene.now + 2h);
  scene.tell("example.org", first);
  scene.pass(2min);
  for (int i = 0; i < 3; ++i) CHECK(scene.ask("example.org") == "4:OK x,");
  REQUIRE(scene.questions.size() == 2);
  CHECK(scene.questions[1].known == first);
  scene.tell("example.org", replies_of("OK y", scene.now + 1min, scene.now + 2h));
  CHECK(scene.ask("example.org") == "4:OK y,");
  scene.pass(2min);
  CHECK(scene.ask("example.org") == "4:OK y,");
  CHECK(scene.questions.size() == 3);
}

TEST_CASE("an expired answer is not used") {
  Scene scene;
  scene.ask("example.org");
  scene.tell("example.org", replies_of("OK x", scene.now + 1min, scene.now + 10min));
  scene.pass(10min);
  CHECK(scene.ask("example.org").empty());
  CHECK(scene.questions.size() == 2);
}

TEST_CASE("an answer of an older generation is not used, but its facts are passed on") {
  Scene scene;
  scene.ask("example.org");
  const auto first = replies_of("OK x", scene.now + 1h, scene.now + 1h);
  scene.tell("example.org", first);
  scene.answerer.set_generation(1);
  CHECK(scene.ask("example.org").empty());
  REQUIRE(scene.questions.size() == 2);
  CHECK(scene.questions[1].known == first);
  scene.tell("example.org", replies_of("OK y", scene.now + 1h, scene.now + 1h, 1));
  CHECK(scene.ask("example.org") == "4:OK y,");
}

TEST_CASE("a dialect whose answer is known first is answered first") {
  Scene scene;
  scene.ask("example.org", "postfix");
  scene.ask("example.org", "sts");
  auto partial = std::make_shared<Replies>(*replies_of("OK x", scene.now, scene.now + 1h));
  partial->of[static_cast<std::size_t>(Dialect::postfix)] = {};
  scene.tell("example.org", partial, false);
  CHECK(scene.arrived == 1);
  CHECK(!scene.pending[0]->has_arrived());
  CHECK(scene.pending[1]->has_arrived());
  CHECK(scene.ask("example.org", "sts") == "4:OK x,");
  CHECK(scene.ask("example.org", "postfix").empty());
  CHECK(scene.questions.size() == 1);
  scene.tell("example.org", replies_of("OK y", scene.now + 1h, scene.now + 1h));
  CHECK(scene.arrived == 3);
  CHECK(scene.pending[0]->bytes == "4:OK y,");
}

TEST_CASE("waiting clients are answered in time, Sendmail sooner, the examination continues") {
  Scene scene;
  scene.ask("example.org");
  scene.pass(1s);
  scene.ask("example.org", "sts");
  CHECK(scene.answerer.next_deadline() == SteadyTime{} + 5s);
  scene.pass(3'999ms);
  CHECK(scene.arrived == 0);
  scene.pass(1ms);
  CHECK(scene.arrived == 1);
  CHECK(scene.pending[1]->bytes == netstring("TEMP still looking the domain up"));
  CHECK(scene.answerer.next_deadline() == SteadyTime{} + 20s);
  scene.pass(15s);
  CHECK(scene.arrived == 2);
  CHECK(scene.pending[0]->bytes.starts_with("32:TEMP "));
  CHECK(scene.answerer.next_deadline() == std::nullopt);
  CHECK(scene.counters.too_late.value() == 2);
  CHECK(scene.ask("example.org").empty());
  CHECK(scene.questions.size() == 1);
  scene.tell("example.org", replies_of("OK x", scene.now + 1h, scene.now + 1h));
  CHECK(scene.arrived == 3);
  CHECK(scene.ask("example.org") == "4:OK x,");
  CHECK(scene.answerer.waiting() == 0);
}

TEST_CASE("on a timeout, a domain whose last examination found no demand gets no temporary error") {
  const std::string none = "9:NOTFOUND ,";
  const std::string dane = "7:OK dane,";
  const std::string late = netstring("TEMP still looking the domain up");
  const auto reply_after = [](AnswererLimits limits, const Reply& last, bool examined, std::string_view map,
                              std::uint64_t generation = 0) {
    Scene scene(limits);
    auto replies = std::make_shared<Replies>(*replies_of("x", scene.now + 1min, scene.now + 1min));
    for (Reply& reply : replies->of) reply = last;
    if (examined) replies->facts = std::make_shared<discovery::DomainFacts>();
    scene.ask("example.org", map);
    scene.tell("example.org", replies);
    scene.answerer.set_generation(generation);
    scene.pass(1h);
    CHECK(scene.ask("example.org", map).empty());
    scene.pass(20s);
    return scene.pending.back()->bytes;
  };
  for (const std::string_view map : {"postfix", "QUERYwithTLSRPT"}) {
    // There may be DANE by now.
    CHECK(reply_after({}, no_policy(), true, map) == dane);
    CHECK(reply_after({}, opportunistic_dane(), true, map) == dane);
    CHECK(reply_after({.dane = false}, no_policy(), true, map) == none);
    CHECK(reply_after({.wait_for_dane = true}, no_policy(), true, map) == late);
  }
  CHECK(reply_after({}, no_policy(), true, "sts") == none);
  for (const std::string_view map : {"postfix", "QUERYwithTLSRPT", "sts"}) {
    CHECK(reply_after({}, no_policy(), false, map) == late);
    CHECK(reply_after({}, {.bytes = "4:OK x,", .outcome = Outcome::policy}, true, map) == late);
    CHECK(reply_after({}, temporary_error("x"), true, map) == late);
    CHECK(reply_after({}, no_policy(), true, map, 1) == late);
  }
}

TEST_CASE("the number of waiting clients is limited, others get \"try again\"") {
  Scene scene({.max_waiting = 2});
  CHECK(scene.ask("a.example").empty());
  CHECK(scene.ask("b.example").empty());
  CHECK(scene.ask("c.example") == netstring("TEMP too many domains are being looked up"));
  CHECK(scene.questions.size() == 2);
  scene.tell("a.example", replies_of("OK x", scene.now + 1h, scene.now + 1h));
  CHECK(scene.ask("c.example").empty());
}

TEST_CASE("an answer that is only for waiting clients is not kept") {
  Scene scene;
  scene.ask("example.org");
  scene.answerer.deliver({.next_hop = name("example.org"),
                          .replies = replies_of("TEMP x", scene.now, scene.now),
                          .keep = false});
  CHECK(scene.pending[0]->bytes == "6:TEMP x,");
  CHECK(scene.ask("example.org").empty());
  CHECK(scene.questions.size() == 2);
}

TEST_CASE("news without a question is kept if the domain is known, and only then") {
  Scene scene;
  const auto result = [&](std::string_view domain, std::string_view text) {
    scene.answerer.deliver({.next_hop = name(domain),
                            .replies = replies_of(text, scene.now + 1h, scene.now + 1h),
                            .asked_for = false});
  };
  result("example.org", "OK x");
  CHECK(scene.answerer.table().domains() == 0);
  CHECK(scene.ask("example.org").empty());
  result("example.org", "OK y");
  CHECK(scene.arrived == 0);
  scene.tell("example.org", replies_of("OK z", scene.now + 1h, scene.now + 1h));
  result("example.org", "OK u");
  CHECK(scene.ask("example.org") == "4:OK u,");
}

TEST_CASE("a client that has disconnected gets no reply") {
  Scene scene;
  scene.ask("example.org");
  scene.pending[0]->listener = nullptr;
  scene.tell("example.org", replies_of("OK x", scene.now + 1h, scene.now + 1h));
  CHECK(scene.arrived == 0);
  CHECK(scene.answerer.waiting() == 0);
}

TEST_CASE("a reply that its connection cannot keep is replaced by \"try again\"") {
  Scene scene;
  scene.ask("a.example");
  scene.room = false;
  scene.tell("a.example", replies_of("OK x", scene.now + 1h, scene.now + 1h));
  CHECK(scene.pending[0]->bytes == netstring("TEMP too many replies wait for their turn"));
  CHECK(scene.counters.overloaded.value() == 1);
  CHECK(scene.ask("a.example") == "4:OK x,");
}

TEST_CASE("a client does not wait further for a dialect that the last news has no answer for") {
  Scene scene;
  scene.ask("a.example", "sts");
  auto partial = std::make_shared<Replies>(*replies_of("OK x", scene.now, scene.now + 1h));
  partial->of[static_cast<std::size_t>(Dialect::sendmail)] = {};
  scene.tell("a.example", partial);
  CHECK(scene.pending[0]->bytes == netstring("TEMP still looking the domain up"));
  CHECK(scene.answerer.waiting() == 0);
  CHECK(!scene.answerer.next_deadline());
}
