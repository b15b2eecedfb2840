#include "discovery/dane_lookup.h"

#include <map>
#include <set>

#include "base/memory.h"
#include "dane/judgement.h"
#include "event/loop.h"
#include "policy/decision.h"
#include "support.h"

using namespace starttls;
using namespace std::chrono_literals;
using dane::DaneStatus;
using dane::TlsaStatus;
using dns::Answer;
using dns::Dnssec;
using dns::Status;
using dns::Type;

namespace {

Dnssec signed_or_not(bool secure) {
  return secure ? Dnssec::secure : Dnssec::insecure;
}

Answer nxdomain(bool secure = true) {
  return {.status = Status::nxdomain, .dnssec = signed_or_not(secure), .ttl = 60s};
}

Answer nodata(bool secure = true) {
  return {.status = Status::nodata, .dnssec = signed_or_not(secure), .ttl = 60s};
}

Answer failed(std::string reason = "SERVFAIL") {
  return {.status = Status::failed, .reason = std::move(reason)};
}

Answer mx(std::vector<std::string> hosts, bool secure = true) {
  Answer answer{.status = Status::found, .dnssec = signed_or_not(secure), .ttl = 300s};
  for (std::string& host : hosts)
    answer.mxs.push_back({static_cast<std::uint16_t>(answer.mxs.size()), std::move(host)});
  return answer;
}

Answer address(bool secure = true, std::string canonical_name = {}) {
  return {.status = Status::found,
          .dnssec = signed_or_not(secure),
          .canonical_name = std::move(canonical_name),
          .addresses = {"192.0.2.1"},
          .ttl = 200s};
}

Answer tlsa(std::uint8_t usage = 3) {
  return {.status = Status::found,
          .dnssec = Dnssec::secure,
          .tlsas = {{usage, 1, 1, std::string(32, 'x')}},
          .ttl = 100s};
}

Answer unvalidated(Answer answer) {
  answer.dnssec = Dnssec::indeterminate;
  return answer;
}

Answer insecure_tlsa() {
  Answer answer = tlsa();
  answer.dnssec = Dnssec::insecure;
  return answer;
}

// The level that Postfix gets if no other source has a policy.
std::string level(const dane::DaneResult& result) {
  const policy::Mode mode = policy::decide({.dane = result}).mode;
  return mode == policy::Mode::none ? "" : std::string(to_string(mode));
}

// A DNS with these answers; all others are NODATA, secure.
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

  dane::DaneResult examine(dane::Detail detail = dane::Detail::hosts) {
    return examine("example.test", detail);
  }
  dane::DaneResult examine(std::string_view next_hop, dane::Detail detail = dane::Detail::hosts) {
    event::Loop loop;
    const discovery::AskDns ask = [this](std::string name, Type type) {
      return answer(std::move(name), type);
    };
    return loop.run_until_complete(
        discovery::look_up_dane(ask, test::good(NextHop::parse(next_hop)), detail));
  }

  std::multiset<std::string> asked_tlsa;
  std::size_t asked_mx = 0;

 private:
  event::Task<Answer> answer(std::string name, Type type) {
    if (type == Type::tlsa) asked_tlsa.insert(name);
    if (type == Type::mx) ++asked_mx;
    const auto known = answers_.find({name, type});
    Answer answer = known == answers_.end() ? nodata() : known->second;
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

TEST_CASE("the verdict about the hosts of a signed MX set") {
  struct Case {
    std::string why;
    World world;
    DaneStatus status;
    std::string level;
    std::string reason;
  };
  const auto two = [] { return with_mx(mx({"a.test", "b.test"})); };
  std::vector<Case> cases;
  const auto add = [&cases](std::string why, World world, DaneStatus status, std::string level,
                            std::string reason) {
    cases.push_back({std::move(why), std::move(world), status, std::move(level), std::move(reason)});
  };
  add("both are bound", two().host("a.test", tlsa()).host("b.test", tlsa(2)), DaneStatus::all, "dane-only",
      "all 2 MX hosts have usable TLSA records");
  add("one is bound, one has none", two().host("a.test", tlsa()).host("b.test", nodata()), DaneStatus::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one fails", two().host("a.test", tlsa()).host("b.test", failed()), DaneStatus::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is unusable", two().host("a.test", tlsa()).host("b.test", tlsa(1)), DaneStatus::some,
      "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is not signed", two().host("a.test", tlsa()).says("b.test", Type::a, address(false)),
      DaneStatus::some, "dane", "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one has no address: it does not count", two().host("a.test", tlsa()), DaneStatus::all,
      "dane-only", "the MX host has usable TLSA records");
  add("one is bound, one has no address, which nobody proves",
      two().host("a.test", tlsa()).says("b.test", Type::a, nodata(false)), DaneStatus::some, "dane",
      "1 of 2 MX hosts have usable TLSA records");
  add("one is bound, one is no host name", with_mx(mx({"a.test", "b\\.c.test"})).host("a.test", tlsa()),
      DaneStatus::all, "dane-only", "the MX host has usable TLSA records");
  add("one fails, one has none", two().host("a.test", failed("no answer in 5 s")).host("b.test", nxdomain()),
      DaneStatus::failing, "dane", "a.test: its TLSA records cannot be looked up: no answer in 5 s");
  add("one fails, one is unusable", two().host("a.test", failed()).host("b.test", tlsa(0)),
      DaneStatus::failing, "dane", "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("the address of one fails", two().says("a.test", Type::a, failed()).host("b.test", nxdomain()),
      DaneStatus::failing, "dane", "a.test: its addresses cannot be looked up: SERVFAIL");
  add("one is unusable, one has none", two().host("a.test", tlsa(1)).host("b.test", nodata()),
      DaneStatus::unusable, "dane", "a.test: none of its TLSA records can be used, of 1");
  add("all fail", two().host("a.test", failed()).host("b.test", failed()), DaneStatus::unknown, "dane",
      "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("the only one that has an address fails", two().host("a.test", failed()), DaneStatus::unknown, "dane",
      "a.test: its TLSA records cannot be looked up: SERVFAIL");
  add("none has any", two().host("a.test", nxdomain()).host("b.test", nodata()), DaneStatus::none, "",
      "no MX host has TLSA records");
  add("the TLSA records are not signed", two().host("a.test", insecure_tlsa()).host("b.test", nodata(false)),
      DaneStatus::none, "", "no MX host has TLSA records");
  add("validation ends before the addresses", two().says("a.test", Type::a, unvalidated(address())),
      DaneStatus::unknown, "dane", "a.test: the answers of the name servers are not validated");
  add("or before the TLSA records", two().host("a.test", unvalidated(tlsa())), DaneStatus::unknown, "dane",
      "a.test: the answers of the name servers are not validated");
  add("none has an address", two(), DaneStatus::none, "", "no MX host has an address");
  for (Case& c : cases) {
    CAPTURE(c.why);
    const dane::DaneResult verdict = c.world.examine();
    CHECK(dane::to_string(verdict.status) == dane::to_string(c.status));
    CHECK(level(verdict) == c.level);
    CHECK(verdict.reason == c.reason);
  }
}

TEST_CASE("cases in which the MX answer alone decides") {
  struct Case {
    std::string why;
    Answer answer;
    DaneStatus status;
    std::string reason;
  };
  for (const Case& c : std::vector<Case>{
           {"a failure", failed("bogus: x"), DaneStatus::unknown,
            "the MX records cannot be looked up: bogus: x"},
           {"no such domain", nxdomain(), DaneStatus::none, "there is no such domain"},
           {"nobody proves it", nxdomain(false), DaneStatus::none, "there is no such domain"},
           {"not signed", mx({"c.test"}, false), DaneStatus::none, "the MX records are not signed"},
           {"no MX, not signed", nodata(false), DaneStatus::none, "the MX records are not signed"},
           {"nobody validates", unvalidated(mx({"a.test"}, false)), DaneStatus::unvalidated,
            "the answers of the name servers are not validated"},
           {"nor that there is no such domain", unvalidated(nxdomain(false)), DaneStatus::unvalidated,
            "the answers of the name servers are not validated"},
           {"null MX", mx({""}), DaneStatus::none, "the domain takes no mail (null MX)"}}) {
    CAPTURE(c.why);
    const dane::DaneResult verdict = with_mx(c.answer).host("a.test", tlsa()).examine();
    CHECK(dane::to_string(verdict.status) == dane::to_string(c.status));
    CHECK(verdict.reason == c.reason);
    CHECK(verdict.hosts.empty());
    CHECK(level(verdict) == (c.status == DaneStatus::none ? "" : "dane"));
  }
}

TEST_CASE("if the MX set is not signed, DANE may still bind a host") {
  const auto insecure = [] { return with_mx(mx({"a.test", "b.test"}, false)); };
  struct Case {
    World world;
    DaneStatus status;
    std::string reason;
  };
  for (Case& c : std::vector<Case>{
           {insecure().host("a.test", nodata()).host("b.test", tlsa()), DaneStatus::insecure,
            "the MX records are not signed; b.test: it has usable TLSA records"},
           {insecure().host("a.test", tlsa(0)), DaneStatus::insecure,
            "the MX records are not signed; a.test: none of its TLSA records can be used, of 1"},
           {insecure().host("a.test", failed()), DaneStatus::insecure,
            "the MX records are not signed; a.test: its TLSA records cannot be looked up: SERVFAIL"},
           {insecure().says("a.test", Type::a, address(false)), DaneStatus::none,
            "the MX records are not signed"},
           {insecure().host("a.test", nodata()), DaneStatus::none, "the MX records are not signed"},
           {with_mx(nodata(false)).host("example.test", tlsa()), DaneStatus::insecure,
            "the MX records are not signed; example.test: it has usable TLSA records"}}) {
    const dane::DaneResult verdict = c.world.examine();
    CHECK(dane::to_string(verdict.status) == dane::to_string(c.status));
    CHECK(verdict.reason == c.reason);
    CHECK(level(verdict) == (c.status == DaneStatus::none ? "" : "dane"));
    CHECK(verdict.hosts.empty() == (c.status == DaneStatus::none));
  }
}

TEST_CASE("a domain without MX is its own MX host") {
  const auto verdict = with_mx(nodata()).host("example.test", tlsa()).examine();
  CHECK(verdict.status == DaneStatus::all);
  REQUIRE(verdict.hosts.size() == 1);
  CHECK(verdict.hosts.front().name == "example.test");
}

TEST_CASE("hosts whose addresses are not signed are not asked for TLSA records") {
  World world = with_mx(mx({"a.test", "b.test"})).says("a.test", Type::a, address(false));
  CHECK(world.examine().hosts.front().tlsa == TlsaStatus::absent);
  CHECK(world.asked_tlsa.empty());
}

TEST_CASE("a host whose TLSA records would have too long a name has none") {
  const auto host = [](std::size_t last) {
    const std::string label(60, 'a');
    return fmt::format("{0}.{0}.{0}.{1}", label, std::string(last, 'b'));
  };
  CHECK(with_mx(mx({host(61)})).host(host(61), tlsa()).examine().status == DaneStatus::all);
  World world = with_mx(mx({host(62)})).host(host(62), failed("no name that the DNS could know"));
  CHECK(world.examine().status == DaneStatus::none);
  CHECK(world.asked_tlsa.empty());
}

TEST_CASE("one signed address is sufficient, IPv4 or IPv6") {
  World world = with_mx(mx({"a.test"})).says("a.test", Type::aaaa, address());
  world.says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(world.examine().status == DaneStatus::all);
  world.says("a.test", Type::a, failed());
  CHECK(world.examine().status == DaneStatus::all);
}

TEST_CASE("for an alias the TLSA records at its target are asked for first, then those at its own name") {
  const auto alias = [] {
    return with_mx(mx({"a.test"})).says("a.test", Type::a, address(true, "Real.test"));
  };
  World at_both = alias().says("_25._tcp.real.test", Type::tlsa, tlsa());
  at_both.says("_25._tcp.a.test", Type::tlsa, failed());
  CHECK(at_both.examine().status == DaneStatus::all);
  CHECK(at_both.asked_tlsa == std::multiset<std::string>{"_25._tcp.real.test"});
  World at_own = alias().says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(at_own.examine().status == DaneStatus::all);
  World failing = alias().says("_25._tcp.real.test", Type::tlsa, failed());
  failing.says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(failing.examine().status == DaneStatus::unknown);
}

TEST_CASE("a signed alias into an unsigned zone has its TLSA records at its own name") {
  const auto alias = [](Answer of_cname) {
    World world = with_mx(mx({"a.test"})).says("a.test", Type::a, address(false, "Real.test"));
    world.says("a.test", Type::cname, std::move(of_cname));
    return world;
  };
  const auto cname = [](bool secure) {
    return Answer{
        .status = Status::found, .dnssec = signed_or_not(secure), .canonical_name = "real.test", .ttl = 50s};
  };
  World bound = alias(cname(true)).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(bound.examine().status == DaneStatus::all);
  CHECK(bound.examine().ttl == 50s);
  CHECK(bound.asked_tlsa == std::multiset<std::string>{"_25._tcp.a.test", "_25._tcp.a.test"});
  CHECK(alias(cname(true)).examine().status == DaneStatus::none);
  World own = alias(cname(false)).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(own.examine().status == DaneStatus::none);
  CHECK(own.asked_tlsa.empty());
  World failing = alias(failed()).says("_25._tcp.a.test", Type::tlsa, tlsa());
  CHECK(failing.examine().status == DaneStatus::unknown);
  CHECK(failing.examine().reason == "a.test: its alias cannot be looked up: SERVFAIL");
  CHECK(alias(unvalidated(cname(false))).examine().status == DaneStatus::unknown);
  // An attacker on the path can forge the answer for the target.
  for (Answer forged : {nxdomain(false), nodata(false)}) {
    forged.canonical_name = "real.test";
    World target = alias(cname(true)).says("_25._tcp.a.test", Type::tlsa, tlsa());
    target.says("a.test", Type::a, forged).says("a.test", Type::aaaa, forged);
    CHECK(target.examine().status == DaneStatus::all);
  }
}

TEST_CASE("a proven verdict is kept while lookups fail, and is removed when something else is proven") {
  struct Case {
    DaneStatus latest;
    DaneStatus before;
    DaneStatus kept;
  };
  for (const Case& c : {Case{DaneStatus::unknown, DaneStatus::all, DaneStatus::all},
                        {DaneStatus::unknown, DaneStatus::some, DaneStatus::some},
                        {DaneStatus::unknown, DaneStatus::none, DaneStatus::failing},
                        {DaneStatus::unknown, DaneStatus::unusable, DaneStatus::failing},
                        {DaneStatus::unknown, DaneStatus::insecure, DaneStatus::failing},
                        {DaneStatus::failing, DaneStatus::all, DaneStatus::some},
                        {DaneStatus::failing, DaneStatus::some, DaneStatus::some},
                        {DaneStatus::failing, DaneStatus::none, DaneStatus::failing},
                        {DaneStatus::none, DaneStatus::all, DaneStatus::none},
                        {DaneStatus::some, DaneStatus::all, DaneStatus::some},
                        {DaneStatus::all, DaneStatus::none, DaneStatus::all},
                        {DaneStatus::unusable, DaneStatus::all, DaneStatus::unusable},
                        {DaneStatus::unvalidated, DaneStatus::all, DaneStatus::unvalidated}}) {
    CAPTURE(to_string(c.latest), to_string(c.before));
    const dane::DaneResult verdict = dane::keep_proven({.status = c.latest, .reason = "SERVFAIL"},
                                                       {.status = c.before, .reason = "it had TLSA records"});
    CHECK(dane::to_string(verdict.status) == dane::to_string(c.kept));
    const bool counts = c.latest == DaneStatus::unknown || c.latest == DaneStatus::failing;
    CHECK(verdict.reason == (counts ? "SERVFAIL; it had TLSA records when last looked up" : "SERVFAIL"));
  }
}

TEST_CASE("a host that is named twice is examined once") {
  World world = with_mx(mx({"a.test", "A.test", "a.TEST"})).host("a.test", tlsa());
  CHECK(world.examine().hosts.size() == 1);
  CHECK(world.asked_tlsa.size() == 1);
}

TEST_CASE("at most max_hosts hosts are examined, and then not all can be bound") {
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < dane::max_hosts + 1; ++i) hosts.push_back(fmt::format("mx{}.test", i));
  World world = with_mx(mx(hosts));
  for (const std::string& host : hosts) world.host(host, tlsa());
  const auto verdict = world.examine();
  CHECK(verdict.status == DaneStatus::some);
  CHECK(verdict.reason == "20 of more than 20 MX hosts have usable TLSA records");
  CHECK(world.asked_tlsa.size() == dane::max_hosts);
  World without = with_mx(mx(hosts));
  for (const std::string& host : hosts) without.host(host, nodata());
  CHECK(without.examine().status == DaneStatus::failing);
  CHECK(without.examine().reason == "there are more than 20 MX hosts");
  hosts.pop_back();
  world.says("example.test", Type::mx, mx(hosts));
  CHECK(world.examine().status == DaneStatus::all);
}

TEST_CASE("a verdict is valid for the shortest TTL of its answers") {
  CHECK(with_mx(mx({"a.test"})).host("a.test", tlsa()).examine().ttl == 60s);  // there is no AAAA record
  World world = with_mx(mx({"a.test"})).host("a.test", tlsa()).says("a.test", Type::aaaa, address());
  CHECK(world.examine().ttl == 100s);
  CHECK(world.host("a.test", failed()).examine().ttl == 0s);
  CHECK(with_mx(mx({"a.test"}, false)).examine().ttl == 60s);
}

TEST_CASE("records are kept only for a caller that asks for them, at most max_kept_records of a host") {
  Answer many = tlsa();
  many.tlsas.resize(1'000, many.tlsas.front());
  World world = with_mx(mx({"a.test"})).host("a.test", many);
  const auto records = world.examine(dane::Detail::records);
  REQUIRE(records.hosts.size() == 1);
  CHECK(records.hosts[0].records == std::vector(dane::max_kept_records, many.tlsas.front()));
  const auto hosts = world.examine(dane::Detail::hosts);
  REQUIRE(hosts.hosts.size() == 1);
  CHECK(hosts.hosts[0].tlsa == TlsaStatus::usable);
  CHECK(hosts.hosts[0].records.empty());
  const auto none = world.examine(dane::Detail::none);
  CHECK(none.hosts.empty());
  CHECK(heap_size(none) == heap_size(none.reason));
  for (const dane::DaneResult& verdict : {records, hosts, none}) {
    CHECK(verdict.status == DaneStatus::all);
    CHECK(verdict.reason == "the MX host has usable TLSA records");
  }
}

TEST_CASE("one usable record among thousands binds, at any position") {
  Answer many = tlsa(1);
  many.tlsas.resize(4'000, many.tlsas.front());
  many.tlsas.back().usage = 3;
  World world = with_mx(mx({"a.test"})).host("a.test", many);
  for (const auto detail : {dane::Detail::none, dane::Detail::hosts, dane::Detail::records})
    CHECK(world.examine(detail).status == DaneStatus::all);
}

TEST_CASE("of thousands of MX hosts max_hosts are examined, and the verdict does not cover all of them") {
  std::vector<std::string> names;
  for (int i = 0; i < 4'000; ++i) names.push_back(fmt::format("mx{}.test", i));
  World world = with_mx(mx(names));
  for (const std::string& name : names) world.host(name, tlsa());
  const auto verdict = world.examine();
  CHECK(verdict.hosts.size() == dane::max_hosts);
  CHECK(verdict.status == DaneStatus::some);
  CHECK(world.asked_tlsa.size() == dane::max_hosts);
}

TEST_CASE("for a next-hop with a port only the TLSA records at that port count") {
  const auto world = [] {
    return with_mx(mx({"a.test"})).host("a.test", tlsa()).says("_587._tcp.a.test", Type::tlsa, nodata());
  };
  CHECK(world().examine("example.test").status == DaneStatus::all);
  CHECK(world().examine("example.test:25").status == DaneStatus::all);
  CHECK(world().examine("example.test:587").status == DaneStatus::none);
  CHECK(world().examine("example.test:submission").status == DaneStatus::none);
  auto submission =
      with_mx(mx({"a.test"})).host("a.test", nodata()).says("_587._tcp.a.test", Type::tlsa, tlsa());
  CHECK(submission.examine("example.test:587").status == DaneStatus::all);
  CHECK(submission.asked_tlsa == std::multiset<std::string>{"_587._tcp.a.test"});
  CHECK(submission.examine("example.test").status == DaneStatus::none);
}

TEST_CASE("a next-hop in brackets is that one host, whatever its MX records") {
  struct Case {
    std::string why;
    World world;
    DaneStatus status;
    std::string reason;
  };
  const auto host = [](Answer of_tlsa) {
    return with_mx(mx({"a.test"})).host("a.test", tlsa()).host("example.test", std::move(of_tlsa));
  };
  std::vector<Case> cases;
  const auto add = [&](std::string why, World world, DaneStatus status, std::string reason) {
    cases.push_back({std::move(why), std::move(world), status, std::move(reason)});
  };
  add("bound", host(tlsa()), DaneStatus::all, "example.test has usable TLSA records");
  add("unusable", host(tlsa(1)), DaneStatus::unusable,
      "example.test: none of its TLSA records can be used, of 1");
  add("absent", host(nodata()), DaneStatus::none, "example.test: it has no signed TLSA records");
  add("unknown", host(failed()), DaneStatus::unknown, "example.test: its TLSA records cannot be looked up: ");
  add("not signed", host(tlsa()).says("example.test", Type::a, address(false)), DaneStatus::none,
      "example.test: its addresses are not signed");
  add("without an address", with_mx(mx({"a.test"})), DaneStatus::none, "example.test: it has no address");
  for (Case& c : cases) {
    CAPTURE(c.why);
    const dane::DaneResult verdict = c.world.examine("[example.test]");
    CHECK(verdict.status == c.status);
    CHECK(verdict.reason.starts_with(c.reason));
    CHECK(c.world.asked_mx == 0);
    REQUIRE(verdict.hosts.size() == 1);
    CHECK(verdict.hosts.front().name == "example.test");
    CHECK(c.world.examine("[example.test]", dane::Detail::none).hosts.empty());
  }
  auto at_port = host(nodata()).says("_587._tcp.example.test", Type::tlsa, tlsa());
  CHECK(at_port.examine("[example.test]:587").status == DaneStatus::all);
  CHECK(at_port.examine("[example.test]:465").status == DaneStatus::none);
}
