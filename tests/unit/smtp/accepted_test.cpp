#include "smtp/accepted.h"

#include <algorithm>
#include <sstream>

#include "event/loop.h"
#include "support.h"

using namespace starttls;
using namespace starttls::smtp;

namespace {

// A server that accepts these suites or groups, the first that is offered of its own order.
struct Server {
  std::vector<Suite> accepted;
  std::vector<ProbeRequest> requests;
  Stop stop_after_three = Stop::none;

  ProbeFacts answer(const ProbeRequest& request) {
    requests.push_back(request);
    ProbeFacts facts;
    if (stop_after_three != Stop::none && requests.size() > 3) {
      facts.stop = stop_after_three;
      facts.reason = "why";
      return facts;
    }
    const std::string offered = ":" + request.suites + request.groups + ":";
    for (const Suite& each : accepted) {
      if (!offered.contains(":" + each.name + ":")) continue;
      facts.reached = Step::done;
      facts.tls = Handshake{.suite = each.standard_name, .group = each.standard_name};
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
