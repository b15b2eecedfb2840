#include <map>
#include <set>

#include "base/memory.h"
#include "dane/dane.h"
#include "support.h"

using namespace starttls;
using namespace std::chrono_literals;
using dane::Binding;
using dane::Standing;
using dns::Answer;
using dns::Status;
using dns::Type;

namespace {

Answer no_name(bool secure = true) {
  return {.status = Status::no_name, .secure = secure, .ttl = 60s};
}

Answer no_data(bool secure = true) {
  return {.status = Status::no_data, .secure = secure, .ttl = 60s};
}

Answer failed(std::string reason = "SERVFAIL") {
  return {.status = Status::failed, .reason = std::move(reason)};
}

Answer mx(std::vector<std::string> hosts, bool secure = true) {
  Answer answer{.status = Status::found, .secure = secure, .ttl = 300s};
  for (std::string& host : hosts)
    answer.mxs.push_back({static_cast<std::uint16_t>(answer.mxs.size()), std::move(host)});
  return answer;
}

Answer address(bool secure = true, std::string canonical_name = {}) {
  return {.status = Status::found,
          .secure = secure,
          .canonical_name = std::move(canonical_name),
          .addresses = {"192.0.2.1"},
          .ttl = 200s};
}

Answer tlsa(std::uint8_t usage = 3) {
  return {
      .status = Status::found, .secure = true, .tlsas = {{usage, 1, 1, std::string(32, 'x')}}, .ttl = 100s};
}

Answer unvalidated(Answer answer) {
  answer.secure = false;
  answer.unvalidated = true;
  return answer;
}

Answer insecure_tlsa() {
  Answer answer = tlsa();
  answer.secure = false;
  return answer;
}

// A DNS that knows what it is told; all else is NODATA, secure.
class World {
 public:
  World& says(const std::string& name, Type type, Answer answer) {
    if (answer.canonical_name.empty()) answer.canonical_name = name;
    answers_[{name, type}] = std::move(answer);
    return *this;
  }
  // A host with a signed address.
  World& host(const std::string& name, Answer of_tlsa) {
    return says(name, Type::a, address()).says("_25._tcp." + name, Type::tlsa, std::move(of_tlsa));
  }

  dane::Verdict examine(dane::Detail detail = dane::Detail::hosts) { return examine("example.test", detail); }
  dane::Verdict examine(std::string_view next_hop, dane::Detail detail = dane::Detail::hosts) {
    event::Loop loop;
    const dane::Ask ask = [this](std::string name, Type type) { return answer(std::move(name), type); };
    return loop.finish(dane::examine(ask, test::good(NextHop::parse(next_hop)), detail));
  }

  std::multiset<std::string> asked_tlsa;
  std::size_t asked_mx = 0;

 private:
  event::Task<Answer> answer(std::string name, Type type) {
    if (type == Type::tlsa) asked_tlsa.insert(name);
    if (type == Type::mx) ++asked_mx;
    const auto known = answers_.find({name, type});
    Answer answer = known == answers_.end() ? no_data() : known->second;
    if (answer.canonical_name.empty()) answer.canonical_name = name;
    co_return answer;
  }

  std::map<std::pair<std::string, Type>, Answer> answers_;
};

World with_mx(Answer answer) {
  World world;
  world.says("example.test", Type::mx, std::move(answer));
  return world;
}

}  // namespace

TEST_CASE("what the hosts of a signed MX set come to") {
  struct Case {
    std::string why;
    World world;
    Standing standing;
    std::string level;
    std::string reason;
  };
  const auto two = [] { return with_mx(mx({"a.test", "b.test"})); };
  std::vector<Case> cases;
  const auto add = [&cases](std::string why, World world, Standing standing, std::string level,
                            std::string reason) {
    cases.push_back({std::move(why), std::move(world), standing, std::move(level), std::move(reason)});
  };
  add("both are bound", two().host("a.test", tlsa()).host("b.test", tlsa(2)), Standing::all, "dane-only",
      "all 2 MX hosts have usable TLSA records");
  add("one is bound, one has none", two().host("a.test", tlsa()).host("b.test", no_data()), Standing::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one fails", two().host("a.test", tlsa()).host("b.test", failed()), Standing::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is unusable", two().host("a.test", tlsa()).host("b.test", tlsa(1)), Standing::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is not signed", two().host("a.test", tlsa()).says("b.test", Type::a, address(false)),
      Standing::some, "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one has no address: it does not count", two().host("a.test", tlsa()), Standing::all,
      "dane-only", "the MX host has usable TLSA records");
  add("one is bound, one has no address, which nobody proves",
      two().host("a.test", tlsa()).says("b.test", Type::a, no_data(false)), Standing::some, "dane",
      "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is no host name", with_mx(mx({"a.test", "b\\.c.test"})).host("a.test", tlsa()),
      Standing::all, "dane-only", "the MX host has usable TLSA records");
  add("one fails, one has none", two().host("a.test", failed("no answer in 5 s")).host("b.test", no_name()),
      Standing::failing, "dane", "a.test: its TLSA records cannot be looked up: no answer in 5 s");
  add("one fails, one is unusable", two().host("a.test", failed()).host("b.test", tlsa(0)), Standing::failing,
      "dane", "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("the address of one fails", two().says("a.test", Type::a, failed()).host("b.test", no_name()),
      Standing::failing, "dane", "a.test: its addresses cannot be looked up: SERVFAIL");
  add("one is unusable, one has none", two().host("a.test", tlsa(1)).host("b.test", no_data()),
      Standing::unusable, "dane", "a.test: none of its TLSA records can be used, of 1");
  add("all fail", two().host("a.test", failed()).host("b.test", failed()), Standing::unknown, "dane",
      "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("the only one that has an address fails", two().host("a.test", failed()), Standing::unknown, "dane",
      "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("none has any", two().host("a.test", no_name()).host("b.test", no_data()), Standing::none, "",
      "no MX host has TLSA records");
  add("the TLSA records are not signed", two().host("a.test", insecure_tlsa()).host("b.test", no_data(false)),
      Standing::none, "", "no MX host has TLSA records");
  add("validation ends before the addresses", two().says("a.test", Type::a, unvalidated(address())),
      Standing::unknown, "dane", "a.test: nobody validates the answers of the name servers");
  add("or before the TLSA records", two().host("a.test", unvalidated(tlsa())), Standing::unknown, "dane",
      "a.test: nobody validates the answers of the name servers");
  add("none has an address", two(), Standing::none, "", "no MX host has an address");
  for (Case& c : cases) {
    CAPTURE(c.why);
    const dane::Verdict verdict = c.world.examine();
    CHECK(dane::to_text(verdict.standing) == dane::to_text(c.standing));
    CHECK(dane::postfix_level(verdict.standing) == c.level);
    CHECK(verdict.reason == c.reason);
  }
}

TEST_CASE("where the MX answer decides alone") {
  struct Case {
    std::string why;
    Answer answer;
    Standing standing;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"a failure", failed("bogus: x"), Standing::unknown,
            "the MX records cannot be looked up: bogus: x"},
           {"no such domain", no_name(), Standing::none, "there is no such domain"},
           {"nobody proves it", no_name(false), Standing::none, "there is no such domain"},
           {"not signed", mx({"c.test"}, false), Standing::none, "the MX records are not signed"},
           {"no MX, not signed", no_data(false), Standing::none, "the MX records are not signed"},
           {"nobody validates", unvalidated(mx({"a.test"}, false)), Standing::unvalidated,
            "nobody validates the answers of the name servers"},
           {"nor that there is no such domain", unvalidated(no_name(false)), Standing::unvalidated,
            "nobody validates the answers of the name servers"},
           {"null MX", mx({""}), Standing::none, "the domain takes no mail (null MX)"}}) {
    CAPTURE(c.why);
    const dane::Verdict verdict = with_mx(c.answer).host("a.test", tlsa()).examine();
    CHECK(dane::to_text(verdict.standing) == dane::to_text(c.standing));
    CHECK(verdict.reason == c.reason);
    CHECK(verdict.hosts.empty());
    CHECK(dane::postfix_level(verdict.standing) == (c.standing == Standing::none ? "" : "dane"));
  }
}

TEST_CASE("behind an MX set that is not signed DANE may still bind a host") {
  const auto insecure = [] { return with_mx(mx({"a.test", "b.test"}, false)); };
  struct Case {
    World world;
    Standing standing;
    std::string reason;
  };
  for (Case& c : std::vector<Case>{
           {insecure().host("a.test", no_data()).host("b.test", tlsa()), Standing::insecure,
            "the MX records are not signed; b.test: it has usable TLSA records"},
           {insecure().host("a.test", tlsa(0)), Standing::insecure,
            "the MX records are not signed; a.test: none of its TLSA records can be used, of 1"},
           {insecure().host("a.test", failed()), Standing::insecure,
            "the MX records are not signed; a.test: its TLSA records cannot be looked up: SERVFAIL"},
           {insecure().says("a.test", Type::a, address(false)), Standing::none,
            "the MX records are not signed"},
           {insecure().host("a.test", no_data()), Standing::none, "the MX records are not signed"},
           {with_mx(no_data(false)).host("example.test", tlsa()), Standing::insecure,
            "the MX records are not signed; example.test: it has usable TLSA records"}}) {
    const dane::Verdict verdict = c.world.examine();
    CHECK(dane::to_text(verdict.standing) == dane::to_text(c.standing));
    CHECK(verdict.reason == c.reason);
    CHECK(dane::postfix_level(verdict.standing) == (c.standing == Standing::none ? "" : "dane"));
    CHECK(verdict.hosts.empty() == (c.standing == Standing::none));
  }
}

TEST_CASE("a domain without MX is its own MX host") {
  const auto verdict = with_mx(no_data()).host("example.test", tlsa()).examine();
  CHECK(verdict.standing == Standing::all);
  REQUIRE(verdict.hosts.size() == 1);
  CHECK(verdict.hosts.front().name == "example.test");
}

TEST_CASE("hosts whose addresses are not signed are not asked for TLSA records") {
  World world = with_mx(mx({"a.test", "b.test"})).says("a.test", Type::a, address(false));
  CHECK(world.examine().hosts.front().binding == Binding::absent);
  CHECK(world.asked_tlsa.empty());
}

TEST_CASE("a host whose TLSA records would have too long a name has none") {
  const auto host = [](std::size_t last) {
    const std::string label(60, 'a');
    return fmt::format("{0}.{0}.{0}.{1}", label, std::string(last, 'b'));
  };
  CHECK(with_mx(mx({host(61)})).host(host(61), tlsa()).examine().standing == Standing::all);
  World world = with_mx(mx({host(62)})).host(host(62), failed("no name that the DNS could know"));
  CHECK(world.examine().standing == Standing::none);
  CHECK(world.asked_tlsa.empty());
}

TEST_CASE("one signed address is enough, IPv4 or IPv6") {
  World world = with_mx(mx({"a.test"})).says("a.test", Type::aaaa, address());
  world.says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(world.examine().standing == Standing::all);
  world.says("a.test", Type::a, failed());
  CHECK(world.examine().standing == Standing::all);
}

TEST_CASE("an alias is asked about by what it stands for first, then by its own name") {
  const auto alias = [] {
    return with_mx(mx({"a.test"})).says("a.test", Type::a, address(true, "Real.test"));
  };
  World at_both = alias().says("_25._tcp.real.test", Type::tlsa, tlsa());
  at_both.says("_25._tcp.a.test", Type::tlsa, failed());
  CHECK(at_both.examine().standing == Standing::all);
  CHECK(at_both.asked_tlsa == std::multiset<std::string>{"_25._tcp.real.test"});
  World at_own = alias().says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(at_own.examine().standing == Standing::all);
  World failing = alias().says("_25._tcp.real.test", Type::tlsa, failed());
  failing.says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(failing.examine().standing == Standing::unknown);
}

TEST_CASE("an alias that is signed and leads into a zone that is not has its TLSA records at its own name") {
  const auto alias = [](Answer of_cname) {
    World world = with_mx(mx({"a.test"})).says("a.test", Type::a, address(false, "Real.test"));
    world.says("a.test", Type::cname, std::move(of_cname));
    return world;
  };
  const auto cname = [](bool secure) {
    return Answer{.status = Status::found, .secure = secure, .canonical_name = "real.test", .ttl = 50s};
  };
  World bound = alias(cname(true)).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(bound.examine().standing == Standing::all);
  CHECK(bound.examine().ttl == 50s);
  CHECK(bound.asked_tlsa == std::multiset<std::string>{"_25._tcp.a.test", "_25._tcp.a.test"});
  CHECK(alias(cname(true)).examine().standing == Standing::none);
  World own = alias(cname(false)).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(own.examine().standing == Standing::none);
  CHECK(own.asked_tlsa.empty());
  World failing = alias(failed()).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(failing.examine().standing == Standing::unknown);
  CHECK(failing.examine().reason == "a.test: its alias cannot be looked up: SERVFAIL");
  CHECK(alias(unvalidated(cname(false))).examine().standing == Standing::unknown);
  // Whoever is on the path can forge what the target says.
  for (Answer forged : {no_name(false), no_data(false)}) {
    forged.canonical_name = "real.test";
    World target = alias(cname(true)).says("_25._tcp.a.test", Type::tlsa, tlsa());
    target.says("a.test", Type::a, forged).says("a.test", Type::aaaa, forged);
    CHECK(target.examine().standing == Standing::all);
  }
}

TEST_CASE("what was proven stays while lookups fail, and goes when something else is proven") {
  struct Case {
    Standing latest;
    Standing before;
    Standing kept;
  };
  for (const Case& c : {Case{Standing::unknown, Standing::all, Standing::all},
                        {Standing::unknown, Standing::some, Standing::some},
                        {Standing::unknown, Standing::none, Standing::failing},
                        {Standing::unknown, Standing::unusable, Standing::failing},
                        {Standing::unknown, Standing::insecure, Standing::failing},
                        {Standing::failing, Standing::all, Standing::some},
                        {Standing::failing, Standing::some, Standing::some},
                        {Standing::failing, Standing::none, Standing::failing},
                        {Standing::none, Standing::all, Standing::none},
                        {Standing::some, Standing::all, Standing::some},
                        {Standing::all, Standing::none, Standing::all},
                        {Standing::unusable, Standing::all, Standing::unusable},
                        {Standing::unvalidated, Standing::all, Standing::unvalidated}}) {
    CAPTURE(to_text(c.latest), to_text(c.before));
    const dane::Verdict verdict = dane::kept({.standing = c.latest, .reason = "SERVFAIL"},
                                             {.standing = c.before, .reason = "it had TLSA records"});
    CHECK(dane::to_text(verdict.standing) == dane::to_text(c.kept));
    const bool counts = c.latest == Standing::unknown || c.latest == Standing::failing;
    CHECK(verdict.reason == (counts ? "SERVFAIL; it had TLSA records when last looked up" : "SERVFAIL"));
  }
}

TEST_CASE("a host named twice is examined once") {
  World world = with_mx(mx({"a.test", "A.test", "a.TEST"})).host("a.test", tlsa());
  CHECK(world.examine().hosts.size() == 1);
  CHECK(world.asked_tlsa.size() == 1);
}

TEST_CASE("no more than so many hosts are looked at, and then not all can be bound") {
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < dane::most_hosts + 1; ++i) hosts.push_back(fmt::format("mx{}.test", i));
  World world = with_mx(mx(hosts));
  for (const std::string& host : hosts) world.host(host, tlsa());
  const auto verdict = world.examine();
  CHECK(verdict.standing == Standing::some);
  CHECK(verdict.reason == "20 of more than 20 MX hosts have usable TLSA records");
  CHECK(world.asked_tlsa.size() == dane::most_hosts);
  World without = with_mx(mx(hosts));
  for (const std::string& host : hosts) without.host(host, no_data());
  CHECK(without.examine().standing == Standing::failing);
  CHECK(without.examine().reason == "there are more than 20 MX hosts");
  hosts.pop_back();
  world.says("example.test", Type::mx, mx(hosts));
  CHECK(world.examine().standing == Standing::all);
}

TEST_CASE("a verdict may be believed as long as the least of its answers") {
  CHECK(with_mx(mx({"a.test"})).host("a.test", tlsa()).examine().ttl == 60s);  // there is no AAAA record
  World world = with_mx(mx({"a.test"})).host("a.test", tlsa()).says("a.test", Type::aaaa, address());
  CHECK(world.examine().ttl == 100s);
  CHECK(world.host("a.test", failed()).examine().ttl == 0s);
  CHECK(with_mx(mx({"a.test"}, false)).examine().ttl == 60s);
}

TEST_CASE("records are kept only for who asks for them, and no more than max_kept_records of a host") {
  Answer many = tlsa();
  many.tlsas.resize(1'000, many.tlsas.front());
  World world = with_mx(mx({"a.test"})).host("a.test", many);
  const auto records = world.examine(dane::Detail::records);
  REQUIRE(records.hosts.size() == 1);
  CHECK(records.hosts[0].records == std::vector(dane::max_kept_records, many.tlsas.front()));
  const auto hosts = world.examine(dane::Detail::hosts);
  REQUIRE(hosts.hosts.size() == 1);
  CHECK(hosts.hosts[0].binding == Binding::bound);
  CHECK(hosts.hosts[0].records.empty());
  const auto none = world.examine(dane::Detail::none);
  CHECK(none.hosts.empty());
  CHECK(heap_size(none) == heap_size(none.reason));
  for (const dane::Verdict& verdict : {records, hosts, none}) {
    CHECK(verdict.standing == Standing::all);
    CHECK(verdict.reason == "the MX host has usable TLSA records");
  }
}

TEST_CASE("one usable record among thousands binds, wherever it stands") {
  Answer many = tlsa(1);
  many.tlsas.resize(4'000, many.tlsas.front());
  many.tlsas.back().usage = 3;
  World world = with_mx(mx({"a.test"})).host("a.test", many);
  for (const auto detail : {dane::Detail::none, dane::Detail::hosts, dane::Detail::records})
    CHECK(world.examine(detail).standing == Standing::all);
}

TEST_CASE("of thousands of MX hosts most_hosts are looked at, and the standing is not of all") {
  std::vector<std::string> names;
  for (int i = 0; i < 4'000; ++i) names.push_back(fmt::format("mx{}.test", i));
  World world = with_mx(mx(names));
  for (const std::string& name : names) world.host(name, tlsa());
  const auto verdict = world.examine();
  CHECK(verdict.hosts.size() == dane::most_hosts);
  CHECK(verdict.standing == Standing::some);
  CHECK(world.asked_tlsa.size() == dane::most_hosts);
}

TEST_CASE("of a next-hop with a port the TLSA records at that port count, and no others") {
  const auto world = [] {
    return with_mx(mx({"a.test"})).host("a.test", tlsa()).says("_587._tcp.a.test", Type::tlsa, no_data());
  };
  CHECK(world().examine("example.test").standing == Standing::all);
  CHECK(world().examine("example.test:25").standing == Standing::all);
  CHECK(world().examine("example.test:587").standing == Standing::none);
  CHECK(world().examine("example.test:submission").standing == Standing::none);
  auto submission =
      with_mx(mx({"a.test"})).host("a.test", no_data()).says("_587._tcp.a.test", Type::tlsa, tlsa());
  CHECK(submission.examine("example.test:587").standing == Standing::all);
  CHECK(submission.asked_tlsa == std::multiset<std::string>{"_587._tcp.a.test"});
  CHECK(submission.examine("example.test").standing == Standing::none);
}

TEST_CASE("a next-hop in brackets is the one host, whatever its MX records say") {
  struct Case {
    std::string why;
    World world;
    Standing standing;
    std::string reason;
  };
  const auto host = [](Answer of_tlsa) {
    return with_mx(mx({"a.test"})).host("a.test", tlsa()).host("example.test", std::move(of_tlsa));
  };
  std::vector<Case> cases;
  const auto add = [&](std::string why, World world, Standing standing, std::string reason) {
    cases.push_back({std::move(why), std::move(world), standing, std::move(reason)});
  };
  add("bound", host(tlsa()), Standing::all, "example.test has usable TLSA records");
  add("unusable", host(tlsa(1)), Standing::unusable,
      "example.test: none of its TLSA records can be used, of 1");
  add("absent", host(no_data()), Standing::none, "example.test: it has no signed TLSA records");
  add("unknown", host(failed()), Standing::unknown, "example.test: its TLSA records cannot be looked up: ");
  add("not signed", host(tlsa()).says("example.test", Type::a, address(false)), Standing::none,
      "example.test: its addresses are not signed");
  add("without an address", with_mx(mx({"a.test"})), Standing::none, "example.test: it has no address");
  for (Case& c : cases) {
    CAPTURE(c.why);
    const dane::Verdict verdict = c.world.examine("[example.test]");
    CHECK(verdict.standing == c.standing);
    CHECK(verdict.reason.starts_with(c.reason));
    CHECK(c.world.asked_mx == 0);
    REQUIRE(verdict.hosts.size() == 1);
    CHECK(verdict.hosts.front().name == "example.test");
    CHECK(c.world.examine("[example.test]", dane::Detail::none).hosts.empty());
  }
  auto at_port = host(no_data()).says("_587._tcp.example.test", Type::tlsa, tlsa());
  CHECK(at_port.examine("[example.test]:587").standing == Standing::all);
  CHECK(at_port.examine("[example.test]:465").standing == Standing::none);
}
