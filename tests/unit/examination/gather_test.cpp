// What the gatherer asks, and what it makes of the answers.

#include "examination/gather.h"

#include <fmt/format.h>

#include <map>

#include "event/loop.h"
#include "examination/judge.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination;
using namespace std::chrono_literals;
using dns::Answer;
using dns::Status;
using dns::Type;
using starttls::test::at;
using starttls::test::good;

namespace {

// A DNS, policy hosts and mail servers with these answers, all signed.
class World {
 public:
  World& says(const std::string& name, Type type, const std::function<void(Answer&)>& fill) {
    Answer answer{.status = Status::found, .dnssec = dns::Dnssec::secure, .canonical_name = name};
    fill(answer);
    answers_[{name, type}] = answer;
    return *this;
  }
  World& mx(const std::string& name, const std::vector<std::string>& hosts) {
    return says(name, Type::mx, [&](Answer& answer) {
      for (const std::string& host : hosts)
        answer.mxs.push_back({.preference = static_cast<std::uint16_t>(answer.mxs.size()), .host = host});
    });
  }
  World& a(const std::string& name, const std::vector<std::string>& addresses) {
    return says(name, Type::a, [&](Answer& answer) { answer.addresses = addresses; });
  }
  World& txt(const std::string& name, const std::string& text) {
    return says(name, Type::txt, [&](Answer& answer) { answer.texts = {text}; });
  }

  Sources sources() {
    return {.ask = [this](std::string name, Type type) { return answer(std::move(name), type); },
            .get = [this](http::PageRequest request) { return page(std::move(request)); },
            .probe = [this](smtp::ProbeRequest request) { return probe(std::move(request)); },
            .lists = {},
            .policy_before = {}};
  }

  std::vector<DomainFacts> gather(const std::vector<std::string>& domains, GatherSettings settings = {}) {
    return gather(domains, sources(), std::move(settings));
  }
  std::vector<DomainFacts> gather(const std::vector<std::string>& domains, Sources sources,
                                  GatherSettings settings = {}) {
    settings.now = at("2026-11-28T12:00:00Z");
    settings.later = settings.now + std::chrono::days(7);
    settings.ehlo_name = "checker.example.net";
    Gatherer gatherer(std::move(sources), certificate::Authorities::of({}), std::move(settings));
    std::vector<event::Task<DomainFacts>> tasks;
    for (const std::string& domain : domains)
      tasks.push_back(gatherer.gather(good(DomainName::parse(domain))));
    return loop_.run_until_complete(event::when_all(std::move(tasks)));
  }
  // One after the other.
  std::vector<DomainFacts> gather_in_turn(const std::vector<std::string>& domains, GatherSettings settings) {
    settings.now = at("2026-11-28T12:00:00Z");
    Gatherer gatherer(sources(), certificate::Authorities::of({}), std::move(settings));
    std::vector<DomainFacts> all;
    for (const std::string& domain : domains)
      all.push_back(loop_.run_until_complete(gatherer.gather(good(DomainName::parse(domain)))));
    return all;
  }
  DomainFacts gather_one(const std::string& domain, GatherSettings settings = {}) {
    return gather({domain}, std::move(settings)).front();
  }

  std::vector<std::string> probed;          // "ADDRESS:PORT SNI MAX-VERSION", with " inject", " compress"
  std::vector<std::string> pages;           // "HOST PATH ADDRESS..."
  std::size_t most_mx_questions = 0;        // at the same time
  std::map<std::string, smtp::Stop> stops;  // by address; others go to the end
  // Of a request that names suites: what servers accept, the first that is offered, and the group.
  std::map<smtp::TlsVersion, std::vector<std::string>> suites;
  std::vector<std::string> groups{"X25519"};
  std::size_t defer_after = 1'000;            // connections
  std::string certificate = "a certificate";  // that all servers send

 private:
  event::Task<Answer> answer(std::string name, Type type) {
    if (type == Type::mx) most_mx_questions = std::max(most_mx_questions, ++mx_questions_);
    co_await event::sleep_for(loop_, 1ms);
    if (type == Type::mx) --mx_questions_;
    const auto known = answers_.find({name, type});
    if (known != answers_.end()) co_return known->second;
    co_return Answer{.status = Status::nodata, .dnssec = dns::Dnssec::secure, .canonical_name = name};
  }

  event::Task<http::Page> page(http::PageRequest request) {
    co_await event::sleep_for(loop_, 1ms);
    pages.push_back(fmt::format("{} {} {}", request.host, request.path, request.addresses.front()));
    co_return http::Page{.status = 200, .content_type = "text/plain", .body = "hello"};
  }

  event::Task<smtp::ProbeFacts> probe(smtp::ProbeRequest request) {
    probed.push_back(fmt::format("{}:{} {} {}{}", request.address.text(), request.port, request.sni,
                                 to_string(request.max_version),
                                 request.offer_compression ? " compress"
                                 : request.inject          ? " inject"
                                                           : ""));
    co_await event::sleep_for(loop_, 5ms);
    smtp::ProbeFacts facts;
    facts.address = request.address;
    facts.reached = smtp::Step::done;
    const auto stop = stops.find(request.address.text());
    if (stop != stops.end()) {
      facts.stop = stop->second;
      facts.reached = smtp::Step::connection;
    } else if (probed.size() > defer_after) {
      facts.stop = smtp::Stop::deferred;
      facts.reason = "too many connections";
    } else if (!request.suites.empty() || !request.groups.empty()) {
      choose(request, facts);
    } else {
      facts.tls = smtp::Handshake{
          .version = std::string(to_string(request.max_version)),
          .suite = {},
          .group = {},
          .signature_hash = {},
          .chain = {certificate::Certificate{.names = {request.sni}, .der = certificate + request.sni}}};
    }
    co_return facts;
  }

  // The handshake of a request that says what it offers.
  void choose(const smtp::ProbeRequest& request, smtp::ProbeFacts& facts) {
    const auto first_of = [](const std::vector<std::string>& accepted, const std::string& offered) {
      const auto chosen = std::ranges::find_if(accepted, [&](const std::string& name) {
        return fmt::format(":{}:", offered).contains(fmt::format(":{}:", name));
      });
      return chosen == accepted.end() ? std::string() : *chosen;
    };
    // A request for groups takes any suite.
    const std::vector<std::string>& known = suites[request.max_version];
    const bool wants_group = !request.groups.empty();
    const std::string suite = first_of(known, wants_group && !known.empty() ? known.front() : request.suites);
    const std::string group = first_of(groups, wants_group ? request.groups : groups.front());
    if (!suite.empty() && !group.empty()) {
      facts.tls = smtp::Handshake{
          .suite = suite, .group = group, .group_bits = 253, .signature_hash = {}, .chain = {}};
      return;
    }
    facts.reached = smtp::Step::handshake;
    facts.stop = smtp::Stop::handshake;
    facts.tls_error = "alert handshake_failure (40)";
  }

  event::Loop loop_;
  std::map<std::pair<std::string, Type>, Answer> answers_;
  std::size_t mx_questions_ = 0;  // under way
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("each address is asked twice: with new and with old versions") {
  World world;
  world.mx("example.org", {"mx1.example.org", "MX2.example.org"})
      .a("mx1.example.org", {"192.0.2.1", "192.0.2.2"})
      .a("mx2.example.org", {"192.0.2.3"});
  const DomainFacts facts = world.gather_one("example.org");
  std::ranges::sort(world.probed);
  CHECK(world.probed == Lines{"192.0.2.1:25 mx1.example.org TLSv1.1", "192.0.2.1:25 mx1.example.org TLSv1.3",
                              "192.0.2.2:25 mx1.example.org TLSv1.1", "192.0.2.2:25 mx1.example.org TLSv1.3",
                              "192.0.2.3:25 mx2.example.org TLSv1.1",
                              "192.0.2.3:25 mx2.example.org TLSv1.3"});
  REQUIRE(facts.hosts.size() == 2);
  CHECK(facts.hosts[1].name == "mx2.example.org");
  REQUIRE(facts.hosts[0].addresses.size() == 2);
  CHECK(facts.hosts[0].addresses[0].chain->has_name);
  CHECK(facts.hosts[0].addresses[0].oldest->tls->version == "TLSv1.1");
}

TEST_CASE("a server that does not answer is not asked again") {
  for (const smtp::Stop stop :
       {smtp::Stop::deferred, smtp::Stop::rejected, smtp::Stop::refused, smtp::Stop::timeout,
        smtp::Stop::no_starttls, smtp::Stop::starttls_rejected}) {
    World world;
    world.mx("example.org", {"mx.example.org"}).a("mx.example.org", {"192.0.2.1"});
    world.stops["192.0.2.1"] = stop;
    world.gather_one("example.org");
    INFO(to_string(stop));
    CHECK(world.probed == Lines{"192.0.2.1:25 mx.example.org TLSv1.3"});
  }
}

TEST_CASE("a server whose handshake fails is asked with old versions, too") {
  World world;
  world.mx("example.org", {"mx.example.org"}).a("mx.example.org", {"192.0.2.1"});
  world.stops["192.0.2.1"] = smtp::Stop::handshake;
  world.gather_one("example.org");
  CHECK(world.probed == Lines{"192.0.2.1:25 mx.example.org TLSv1.3", "192.0.2.1:25 mx.example.org TLSv1.1"});
}

TEST_CASE("domains that share an address and a host share its connections") {
  World world;
  world.a("mx.example.net", {"192.0.2.1"}).a("other.example.net", {"192.0.2.1"});
  const Lines sharing{"a.example", "b.example", "c.example"};
  for (const std::string& domain : sharing) world.mx(domain, {"mx.example.net"});
  world.mx("d.example", {"other.example.net"});
  const std::vector<DomainFacts> all = world.gather({"a.example", "b.example", "c.example", "d.example"});
  std::ranges::sort(world.probed);
  CHECK(world.probed == Lines{"192.0.2.1:25 mx.example.net TLSv1.1", "192.0.2.1:25 mx.example.net TLSv1.3",
                              "192.0.2.1:25 other.example.net TLSv1.1",
                              "192.0.2.1:25 other.example.net TLSv1.3"});
  for (const DomainFacts& facts : all) {
    INFO(facts.domain.str());
    REQUIRE(facts.hosts.size() == 1);
    CHECK(facts.hosts[0].addresses[0].newest->tls.has_value());
  }
}

TEST_CASE("no more domains are looked up at the same time than the limit") {
  World world;
  Lines domains;
  for (int i = 0; i < 50; ++i) domains.push_back(fmt::format("d{}.example", i));
  CHECK(world.gather(domains, {.max_lookups = 3}).size() == 50);
  CHECK(world.most_mx_questions == 3);
  world.most_mx_questions = 0;
  world.gather(domains);
  CHECK(world.most_mx_questions == 50);
}

TEST_CASE("the facts of a server are kept for later domains, and no more of them than the limit") {
  World world;
  world.a("mx1.example.net", {"192.0.2.1"}).a("mx2.example.net", {"192.0.2.2"});
  world.mx("a.example", {"mx1.example.net"})
      .mx("b.example", {"mx2.example.net"})
      .mx("c.example", {"mx1.example.net"});
  world.gather_in_turn({"a.example", "b.example", "c.example"}, {.max_servers = 2});
  CHECK(world.probed.size() == 4);
  world.probed.clear();
  world.gather_in_turn({"a.example", "b.example", "c.example"}, {.max_servers = 1});
  CHECK(world.probed.size() == 6);
  world.probed.clear();
  // Asked for last, mx1 stays.
  world.a("mx3.example.net", {"192.0.2.3"}).mx("d.example", {"mx3.example.net"});
  world.gather_in_turn({"a.example", "b.example", "c.example", "d.example", "a.example"}, {.max_servers = 2});
  CHECK(world.probed.size() == 6);
}

TEST_CASE("a server of another domain that was reached shows that the own network lets connections out") {
  World world;
  world.a("mx1.example.net", {"192.0.2.1"}).a("mx2.example.net", {"192.0.2.2"});
  world.mx("a.example", {"mx1.example.net"}).mx("b.example", {"mx2.example.net"});
  world.stops["192.0.2.2"] = smtp::Stop::timeout;
  const std::vector<DomainFacts> found = world.gather_in_turn({"b.example", "a.example", "b.example"}, {});
  CHECK_FALSE(found[0].reached.ipv4);
  CHECK(found[1].reached.ipv4);
  CHECK(found[2].reached.ipv4);
  CHECK_FALSE(found[2].reached.ipv6);
}

TEST_CASE("further connections find all that a server accepts, where that is wanted") {
  World world;
  world.mx("example.org", {"mx.example.org"}).a("mx.example.org", {"192.0.2.1"});
  world.suites = {{smtp::TlsVersion::tls1_3, {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"}}};
  const DomainFacts facts = world.gather_one("example.org", {.depth = Depth::thorough});
  const std::string mx = "192.0.2.1:25 mx.example.org ";
  CHECK(std::vector(world.probed.begin(), world.probed.begin() + 4) ==
        Lines{mx + "TLSv1.3", mx + "TLSv1.1", mx + "TLSv1.3 inject", mx + "TLSv1.3 compress"});
  const AddressFacts& address = facts.hosts[0].addresses[0];
  CHECK(address.injected.has_value());
  CHECK(address.compressed.has_value());
  REQUIRE(address.versions.size() == 4);
  CHECK(address.versions[0].version == smtp::TlsVersion::tls1_3);
  CHECK(address.versions[0].suites == Lines{"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"});
  CHECK(address.versions[0].groups == std::vector<GroupFacts>{{.name = "X25519", .bits = 253}});
  CHECK(address.versions[0].order == smtp::SuiteOrder::server);
  CHECK(address.versions[0].incomplete.empty());
  CHECK(address.versions[1].suites.empty());
  CHECK(address.versions[3].version == smtp::TlsVersion::tls1_0);
}

TEST_CASE("a server that does not bear so many connections leaves the rest unknown") {
  World world;
  world.mx("example.org", {"mx.example.org"}).a("mx.example.org", {"192.0.2.1"});
  world.suites = {{smtp::TlsVersion::tls1_3, {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"}}};
  world.defer_after = 5;
  const DomainFacts facts = world.gather_one("example.org", {.depth = Depth::thorough});
  const AddressFacts& address = facts.hosts[0].addresses[0];
  CHECK(address.versions[0].suites == Lines{"TLS_AES_256_GCM_SHA384"});
  CHECK(address.versions[0].incomplete == "too many connections");
  CHECK(address.versions[1].incomplete == "too many connections");
}

TEST_CASE("without probes no mail server is asked, and the facts say so") {
  World world;
  world.mx("example.org", {"mx.example.org"}).a("mx.example.org", {"192.0.2.1"});
  Sources sources = world.sources();
  sources.probe = nullptr;
  const DomainFacts facts = world.gather({"example.org"}, std::move(sources)).front();
  CHECK(world.probed.empty());
  CHECK(facts.smtp == Smtp::skipped);
  CHECK_FALSE(facts.hosts[0].addresses[0].newest.has_value());
}

TEST_CASE("another address and port in place of those of an MX host") {
  World world;
  world.mx("example.org", {"mx1.example.org", "mx2.example.org"})
      .a("mx1.example.org", {"192.0.2.1"})
      .a("mx2.example.org", {"192.0.2.2"});
  world.gather_one(
      "example.org",
      {.connect = {{"mx1.example.org", {.address = *IpAddress::parse("127.0.0.1"), .port = 2525}}}});
  std::ranges::sort(world.probed);
  CHECK(world.probed ==
        Lines{"127.0.0.1:2525 mx1.example.org TLSv1.1", "127.0.0.1:2525 mx1.example.org TLSv1.3",
              "192.0.2.2:25 mx2.example.org TLSv1.1", "192.0.2.2:25 mx2.example.org TLSv1.3"});
}

TEST_CASE("one MX host alone") {
  World world;
  world.mx("example.org", {"mx1.example.org"}).a("new.example.org", {"192.0.2.7"});
  const DomainFacts facts =
      world.gather_one("example.org", {.only_host = good(DomainName::parse("new.example.org"))});
  REQUIRE(facts.hosts.size() == 1);
  CHECK(facts.hosts[0].name == "new.example.org");
  CHECK(world.probed.size() == 2);
}

TEST_CASE("no more hosts and addresses are examined than the limits allow") {
  World world;
  Lines hosts;
  for (int i = 0; i < 40; ++i) hosts.push_back(fmt::format("mx{}.example.org", i));
  Lines addresses;
  for (int i = 0; i < 100; ++i) addresses.push_back(fmt::format("192.0.2.{}", i));
  world.mx("example.org", hosts).a("mx0.example.org", addresses);
  const DomainFacts facts = world.gather_one("example.org");
  CHECK(facts.hosts.size() == 20);
  CHECK(facts.hosts_left_out == 20);
  CHECK(facts.hosts[0].addresses.size() == max_addresses);
}

TEST_CASE("a domain without MX records is its own MX host, and a null MX is none") {
  World world;
  world.a("example.org", {"192.0.2.1"}).mx("null.example", {""});
  CHECK(world.gather_one("example.org").hosts.at(0).name == "example.org");
  CHECK(world.gather_one("null.example").hosts.empty());
}

TEST_CASE("an MX record with an address is not looked up") {
  World world;
  world.mx("example.org", {"192.0.2.1", "a b"});
  const DomainFacts facts = world.gather_one("example.org");
  REQUIRE(facts.hosts.size() == 2);
  CHECK(facts.hosts[0].addresses.empty());
  CHECK(world.probed.empty());
}

TEST_CASE("TLSA records are read with and without DNSSEC") {
  World world;
  const auto tlsa = [](Answer& answer) {
    answer.tlsas = {{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')}};
  };
  world.mx("example.org", {"mx1.example.org", "mx2.example.org"})
      .a("mx1.example.org", {"192.0.2.1"})
      .a("mx2.example.org", {"192.0.2.2"})
      .says("_25._tcp.mx1.example.org", Type::tlsa, tlsa)
      .says("_25._tcp.mx2.example.org", Type::tlsa, [&](Answer& answer) {
        tlsa(answer);
        answer.dnssec = dns::Dnssec::insecure;
      });
  const DomainFacts facts = world.gather_one("example.org");
  CHECK(facts.hosts[0].dane->tlsa == dane::TlsaStatus::usable);
  CHECK(facts.hosts[0].dane->records.size() == 1);
  CHECK(facts.hosts[0].addresses[0].chain->tlsa.size() == 1);
  CHECK(facts.hosts[1].dane->tlsa == dane::TlsaStatus::absent);
  CHECK(facts.hosts[1].tlsa.status == Status::found);
}

TEST_CASE("the policy is fetched where there is a record") {
  World world;
  world.a("mta-sts.example.org", {"192.0.2.80"});
  CHECK_FALSE(world.gather_one("example.org").mta_sts.page.has_value());
  CHECK(world.pages.empty());
  world.txt("_mta-sts.example.org", "v=STSv1; id=1;");
  CHECK(world.gather_one("example.org").mta_sts.page->body == "hello");
  CHECK(world.pages == Lines{"mta-sts.example.org /.well-known/mta-sts.txt 192.0.2.80"});
}

TEST_CASE("a policy host without address is not asked") {
  World world;
  world.txt("_mta-sts.example.org", "v=STSv1; id=1;");
  const DomainFacts facts = world.gather_one("example.org");
  CHECK_FALSE(facts.mta_sts.page.has_value());
  CHECK(facts.mta_sts.a->status == Status::nodata);
}

TEST_CASE("the destinations of reports are looked up") {
  World world;
  world
      .txt("_smtp._tls.example.org",
           "v=TLSRPTv1; rua=mailto:a@mail.example,mailto:a@host.example,https://web.example/v1?x=y,"
           "https://web.example:8443/,https://nowhere.example/")
      .mx("mail.example", {"mx.mail.example"})
      .a("host.example", {"192.0.2.1"})
      .a("web.example", {"192.0.2.80"});
  const DomainFacts facts = world.gather_one("example.org");
  const auto& destinations = facts.tlsrpt.destinations;
  REQUIRE(destinations.size() == 5);
  CHECK(destinations[0].mx.status == Status::found);
  CHECK(destinations[1].mx.status == Status::nodata);
  CHECK(destinations[1].a.status == Status::found);
  CHECK(destinations[2].page.has_value());
  CHECK_FALSE(destinations[3].page.has_value());  // the fetcher has one port
  CHECK_FALSE(destinations[4].page.has_value());
  CHECK(world.pages == Lines{"web.example /v1?x=y 192.0.2.80"});
}

TEST_CASE("lists and what was fetched before are part of the facts") {
  World world;
  world.txt("_mta-sts.example.org", "v=STSv1; id=1;");
  Sources sources = world.sources();
  sources.lists = [](const DomainName& domain) {
    return std::vector<ListFacts>{{.list = domain.str(), .mx = {}, .expires = {}}};
  };
  sources.policy_before = [](const DomainName&) {
    return mtasts::FetchedPolicy{.policy = {}, .text = {}, .id = "0"};
  };
  const DomainFacts facts = world.gather({"example.org"}, std::move(sources)).front();
  CHECK(facts.lists.at(0).list == "example.org");
  CHECK(facts.mta_sts.before->id == "0");
}

TEST_CASE("a name that is too long for a record has none") {
  World world;
  const std::string label(60, 'a');
  const std::string domain = fmt::format("{0}.{0}.{0}.{1}.example", label, std::string(58, 'a'));
  CHECK(world.gather_one(domain).mta_sts.record.status == Status::nxdomain);
}
