#include "smtp/accepted.h"

#include <algorithm>
#include <sstream>

#include "event/loop.h"
#include "support.h"

using namespace starttls;
using namespace starttls::smtp;

namespace {

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ':');) all.push_back(word);
  return all;
}

// A server that accepts these suites or groups, the first that is offered of its own order.
struct Server {
  std::vector<Suite> accepted;
  std::vector<ProbeRequest> requests;
  Stop stop_after_three = Stop::none;
  std::string key_curve = {};  // if it has one, the client's order counts, and this must be offered
  bool has_rsa_key = false;  // beside that one: then its own order counts, and it uses this one where it must
  std::string error = "alert handshake_failure (40)";  // where it accepts nothing of what is offered

  ProbeFacts answer(const ProbeRequest& request) {
    requests.push_back(request);
    ProbeFacts facts;
    if (stop_after_three != Stop::none && requests.size() > 3) {
      facts.stop = stop_after_three;
      facts.reason = "why";
      return facts;
    }
    if (has_rsa_key) return answer_with_two_keys(words(request.groups));
    if (!key_curve.empty()) return answer_in_the_order_of(words(request.groups));
    const std::string offered = ":" + request.suites + ":" + request.groups + ":";
    for (const Suite& each : accepted) {
      if (!offered.contains(":" + each.name + ":")) continue;
      facts.reached = Step::done;
      facts.tls = Handshake{.suite = each.standard_name, .group = each.standard_name};
      return facts;
    }
    facts.reached = Step::handshake;
    facts.stop = Stop::handshake;
    facts.tls_error = error;
    return facts;
  }

  ProbeFacts answer_with_two_keys(const std::vector<std::string>& offered) const {
    ProbeFacts facts;
    const auto is_offered = [&](const std::string& name) {
      return std::ranges::find(offered, name) != offered.end();
    };
    const auto chosen = std::ranges::find_if(accepted, is_offered, &Suite::name);
    facts.reached = chosen == accepted.end() ? Step::handshake : Step::done;
    facts.stop = chosen == accepted.end() ? Stop::handshake : Stop::none;
    if (chosen == accepted.end()) {
      facts.tls_error = error;
      return facts;
    }
    facts.tls = Handshake{.group = chosen->standard_name,
                          .chain = {{.curve = is_offered(key_curve) ? key_curve : std::string()}}};
    return facts;
  }

  ProbeFacts answer_in_the_order_of(const std::vector<std::string>& offered) const {
    ProbeFacts facts;
    for (const std::string& name : offered) {
      const auto chosen = std::ranges::find(accepted, name, &Suite::name);
      if (chosen == accepted.end() || std::ranges::find(offered, key_curve) == offered.end()) continue;
      facts.reached = Step::done;
      facts.tls = Handshake{.group = chosen->standard_name, .chain = {{.curve = key_curve}}};
      return facts;
    }
    facts.reached = Step::handshake;
    facts.stop = Stop::handshake;
    facts.tls_error = "alert handshake_failure (40)";
    return facts;
  }

  Probe probe() {
    return [this](ProbeRequest request) -> event::Task<ProbeFacts> { co_return answer(request); };
  }
};

Accepted suites_of(Server& server, TlsVersion version) {
  event::Loop loop;
  return loop.run_until_complete(find_accepted_suites(server.probe(), {.sni = "mx.example.test"}, version));
}

Accepted groups_of(Server& server, TlsVersion version) {
  event::Loop loop;
  return loop.run_until_complete(find_accepted_groups(server.probe(), {.sni = "mx.example.test"}, version));
}

SuiteOrder order_of(Server& server, std::vector<std::string> suites) {
  event::Loop loop;
  return loop.run_until_complete(
      find_suite_order(server.probe(), {.sni = "mx.example.test"}, TlsVersion::tls1_3, std::move(suites)));
}

}  // namespace

TEST_CASE("OpenSSL knows the suites of each version under two names") {
  const auto of_1_3 = known_suites(TlsVersion::tls1_3);
  CHECK(of_1_3.size() == 5);
  for (const Suite& suite : of_1_3) CHECK(suite.name == suite.standard_name);
  const auto of_1_2 = known_suites(TlsVersion::tls1_2);
  CHECK(of_1_2.size() > 60);
  const auto found = std::ranges::find(of_1_2, "ECDHE-RSA-AES128-SHA", &Suite::name);
  REQUIRE(found != of_1_2.end());
  CHECK(found->standard_name == "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
  CHECK(std::ranges::find(of_1_2, "TLS_RSA_WITH_NULL_SHA", &Suite::standard_name) != of_1_2.end());
  CHECK(std::ranges::find(of_1_2, "TLS_DH_anon_WITH_AES_128_CBC_SHA", &Suite::standard_name) != of_1_2.end());
  CHECK(!known_suites(TlsVersion::tls1_0).empty());
}

TEST_CASE("OpenSSL knows the groups of each version") {
  const auto has = [](TlsVersion version, std::string_view name) {
    const auto groups = known_groups(version);
    return std::ranges::find(groups, name, &Suite::standard_name) != groups.end();
  };
  for (const char* name : {"X25519", "secp256r1", "secp521r1"}) {
    CHECK(has(TlsVersion::tls1_2, name));
    CHECK(has(TlsVersion::tls1_3, name));
  }
  CHECK(has(TlsVersion::tls1_3, "ffdhe2048"));
  CHECK_FALSE(has(TlsVersion::tls1_2, "ffdhe2048"));
  CHECK(has(TlsVersion::tls1_2, "brainpoolP256r1"));
  CHECK_FALSE(has(TlsVersion::tls1_3, "brainpoolP256r1"));
}

TEST_CASE("suites are found in the order in which the server chooses them, with one connection more") {
  Server server{.accepted = {{"TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
                             {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"}}};
  const Accepted found = suites_of(server, TlsVersion::tls1_3);
  CHECK(found.stop == Stop::none);
  CHECK(found.names == std::vector<std::string>{"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"});
  REQUIRE(server.requests.size() == 3);
  for (const ProbeRequest& request : server.requests) {
    CHECK(request.min_version == TlsVersion::tls1_3);
    CHECK(request.max_version == TlsVersion::tls1_3);
    CHECK(request.sni == "mx.example.test");
    CHECK_FALSE(request.inject);
  }
}

TEST_CASE("no ClientHello offers more suites than servers bear, and all are offered") {
  Server server;
  const Accepted found = suites_of(server, TlsVersion::tls1_2);
  CHECK(found.stop == Stop::none);
  CHECK(found.names.empty());
  std::size_t offered = 0;
  for (const ProbeRequest& request : server.requests) {
    const auto count = static_cast<std::size_t>(std::ranges::count(request.suites, ':')) + 1;
    CHECK(count <= max_suites);
    offered += count;
  }
  CHECK(offered == known_suites(TlsVersion::tls1_2).size());
}

TEST_CASE("groups are found, too") {
  Server server{.accepted = {{"P-384", "secp384r1"}, {"X25519", "X25519"}, {"ffdhe2048", "ffdhe2048"}}};
  CHECK(groups_of(server, TlsVersion::tls1_3).names ==
        std::vector<std::string>{"secp384r1", "X25519", "ffdhe2048"});
  Server older{.accepted = {{"brainpoolP256r1", "brainpoolP256r1"}, {"ffdhe2048", "ffdhe2048"}}};
  CHECK(groups_of(older, TlsVersion::tls1_2).names == std::vector<std::string>{"brainpoolP256r1"});
}

TEST_CASE("groups of TLS 1.2 are found with suites that need one") {
  Server server{.accepted = {{"X25519", "X25519"}}};
  groups_of(server, TlsVersion::tls1_2);
  REQUIRE(!server.requests.empty());
  CHECK(server.requests.front().suites == "ECDHE");
}

TEST_CASE("the curve of the server's key is offered again, which it needs with TLS 1.2") {
  Server server{.accepted = {{"X25519", "X25519"}, {"P-256", "secp256r1"}, {"P-384", "secp384r1"}},
                .requests = {},
                .key_curve = "P-256"};
  const Accepted found = groups_of(server, TlsVersion::tls1_2);
  CHECK(found.names == std::vector<std::string>{"X25519", "secp256r1", "secp384r1"});
  CHECK(found.stop == Stop::none);
  CHECK(server.requests.back().groups.ends_with(":P-256"));
}

TEST_CASE(
    "with an RSA key, too, groups are found that the server likes less than the curve of its other key") {
  Server server{.accepted = {{"P-256", "secp256r1"}, {"P-384", "secp384r1"}, {"X25519", "X25519"}},
                .requests = {},
                .key_curve = "P-256",
                .has_rsa_key = true};
  const Accepted found = groups_of(server, TlsVersion::tls1_2);
  CHECK(found.names == std::vector<std::string>{"secp256r1", "secp384r1", "X25519"});
  CHECK(found.stop == Stop::none);
}

TEST_CASE("a server that answers with an older version accepts nothing of this one") {
  Server server{.accepted = {}, .requests = {}, .error = std::string(version_not_offered)};
  const Accepted found = suites_of(server, TlsVersion::tls1_2);
  CHECK(found.stop == Stop::none);
  CHECK(found.names.empty());
}

TEST_CASE("a server with an order of its own chooses the same suite whatever the order of the offer") {
  const std::vector<Suite> both{{"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
                                {"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"}};
  const std::vector<std::string> found{both[0].name, both[1].name};
  Server server{.accepted = both};
  CHECK(order_of(server, found) == SuiteOrder::server);
  REQUIRE(server.requests.size() == 1);
  CHECK(server.requests[0].suites == "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
  Server obedient{.accepted = {both[1], both[0]}};
  CHECK(order_of(obedient, found) == SuiteOrder::client);
  Server refusing;
  CHECK(order_of(refusing, found) == SuiteOrder::unknown);
  Server not_asked{.accepted = both};
  CHECK(order_of(not_asked, {both[0].name}) == SuiteOrder::unknown);
  CHECK(not_asked.requests.empty());
}

TEST_CASE("a server that refuses the connection leaves the rest unknown") {
  Server server{.accepted = known_suites(TlsVersion::tls1_3), .stop_after_three = Stop::deferred};
  const Accepted found = suites_of(server, TlsVersion::tls1_3);
  CHECK(found.names.size() == 3);
  CHECK(found.stop == Stop::deferred);
  CHECK(found.reason == "why");
  CHECK(server.requests.size() == 4);
}

TEST_CASE("a server that chooses what was not offered is asked no more") {
  Server server{.accepted = {{"TLS_AES_128_GCM_SHA256", "TLS_NONE"}}};
  const Accepted found = suites_of(server, TlsVersion::tls1_3);
  CHECK(found.names.empty());
  CHECK(found.stop == Stop::protocol);
  CHECK(server.requests.size() == 1);
}
