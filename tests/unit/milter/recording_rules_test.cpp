#include "milter/recording_rules.h"

#include "support.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::milter;
using namespace starttls::test;

namespace {

const PseudonymKey key(std::string(32, 'k'));
constexpr Daemon smtp{.name = "mx.example.test", .port = "25"};

MilterConfig with(std::initializer_list<const char*> networks) {
  MilterConfig configuration;
  for (const char* network : networks)
    configuration.sessions.local_networks.push_back(good(IpNetwork::parse(network)));
  return configuration;
}

session::Session probe(const std::string& address) {
  return {.client_address = address, .client_name = "client.test", .helo = "[" + address + "]"};
}

}  // namespace

TEST_CASE("clients of local networks, and clients that are no mail servers, are excluded") {
  const RecordingRules rules(with({"10.0.0.0/8", "::1/128"}), std::nullopt);
  CHECK(rules.excludes("10.1.2.3", smtp) == ExclusionReason::local_network);
  CHECK(rules.excludes("::1", smtp) == ExclusionReason::local_network);
  CHECK(rules.excludes("::ffff:10.1.2.3", smtp) == ExclusionReason::local_network);
  CHECK_FALSE(rules.excludes("192.0.2.1", smtp).has_value());
  CHECK_FALSE(rules.excludes("", smtp).has_value());
  CHECK(rules.excludes("192.0.2.1", {.name = "x", .port = "587"}) == ExclusionReason::daemon);
  CHECK(rules.excludes("192.0.2.1", {.name = "Originating", .port = "25"}) == ExclusionReason::daemon);
  CHECK_FALSE(rules.excludes("192.0.2.1", {.name = "x", .port = ""}).has_value());
  CHECK_FALSE(rules.excludes("192.0.2.1", {.name = "x", .port = "587x"}).has_value());
}

TEST_CASE("with a list of what to record, nothing else is recorded") {
  config::MilterConfig configuration;
  configuration.sessions.ports = {25, 587};
  configuration.sessions.daemons = {"mx"};
  const RecordingRules rules(configuration, std::nullopt);
  CHECK_FALSE(rules.excludes("192.0.2.1", {.name = "MX", .port = "25"}).has_value());
  CHECK(rules.excludes("192.0.2.1", {.name = "MX", .port = "26"}) == ExclusionReason::daemon);
  CHECK(rules.excludes("192.0.2.1", {.name = "other", .port = "25"}) == ExclusionReason::daemon);
  // An exclusion has precedence.
  CHECK(rules.excludes("192.0.2.1", {.name = "MX", .port = "587"}) == ExclusionReason::daemon);
}

TEST_CASE("an excluded session is recorded only to remove its failure") {
  config::MilterConfig configuration;
  CHECK_FALSE(RecordingRules(configuration, std::nullopt).to_record(probe("192.0.2.1"), true).has_value());
  configuration.mta_log = "/log";
  const RecordingRules rules(configuration, std::nullopt);
  const auto written = rules.to_record(probe("192.0.2.1"), true);
  REQUIRE(written.has_value());
  CHECK(written->excluded);
  CHECK(written->awaits_log);
  session::Session mail = probe("192.0.2.1");
  mail.transactions = 1;
  CHECK_FALSE(rules.to_record(mail, true).has_value());
  CHECK_FALSE(rules.to_record(mail, false)->awaits_log);
}

TEST_CASE("an address is kept whole, truncated, or replaced by a key") {
  config::MilterConfig configuration;
  configuration.mta_log = "/log";
  const auto written = [&](AddressDetail keeping, const std::string& address) {
    configuration.client_address = keeping;
    return *RecordingRules(configuration, key).to_record(probe(address), false);
  };
  CHECK(written(AddressDetail::full, "192.0.2.77").client_address == "192.0.2.77");
  CHECK(written(AddressDetail::full, "192.0.2.77").address_pseudonym.empty());
  CHECK(written(AddressDetail::full, "192.0.2.77").helo == "[192.0.2.77]");
  CHECK(written(AddressDetail::prefix, "192.0.2.77").client_address == "192.0.2.0");
  CHECK(written(AddressDetail::prefix, "2001:db8:1:2::77").client_address == "2001:db8:1::");
  CHECK(written(AddressDetail::prefix, "192.0.2.77").helo == "-");
  CHECK(written(AddressDetail::none, "192.0.2.77").client_address.empty());
  CHECK(written(AddressDetail::none, "192.0.2.77").address_pseudonym == key.pseudonym("192.0.2.77"));
  CHECK(key.pseudonym("192.0.2.77") != key.pseudonym("192.0.2.78"));
  CHECK(key.pseudonym("192.0.2.77").size() == 16);
}

TEST_CASE("entries from the log are recorded by the same rules") {
  config::MilterConfig configuration = with({"10.0.0.0/8"});
  configuration.mta_log = "/log";
  configuration.client_address = AddressDetail::prefix;
  const RecordingRules rules(configuration, key);
  const session::LogPosition position{.number = 7, .text = "here"};
  const auto note = rules.to_record(
      {.time = Time{}, .client_address = "192.0.2.77", .failure = session::HandshakeFailure::lost_connection},
      position, "mx", true);
  CHECK(note.watched);
  CHECK_FALSE(note.wanted);
  CHECK(note.position == position);
  CHECK(note.failure->client_address == "192.0.2.0");
  CHECK(note.address_pseudonym == key.pseudonym("192.0.2.77"));
  const auto local = rules.to_record(
      {.time = Time{}, .client_address = "10.1.1.1", .failure = session::HandshakeFailure::lost_connection},
      position, "mx", true);
  CHECK_FALSE(local.failure.has_value());
  CHECK(local.position == position);
}

TEST_CASE("a failure of submission is recognized by its service, its daemon, or TLS that begins at once") {
  config::MilterConfig configuration = with({"10.0.0.0/8"});
  configuration.mta_log = "/log";
  const auto excludes = [&](const std::string& service, bool implicit_tls = false) {
    return RecordingRules(configuration, std::nullopt)
        .excludes({.client_address = "192.0.2.1", .service = service, .implicit_tls = implicit_tls});
  };
  CHECK_FALSE(excludes("postfix").has_value());
  CHECK_FALSE(excludes("postfix/submission").has_value());  // what the milter sees of it decides
  CHECK(excludes("postfix", true) == FailureExclusion::implicit_tls);
  CHECK(excludes("MSA") == FailureExclusion::service);  // Sendmail's
  configuration.sessions.excluded_log_services = {"postfix/submission"};
  CHECK(excludes("postfix/Submission") == FailureExclusion::service);
  configuration.sessions.log_services = {"postfix", "postfix-mx2"};
  CHECK_FALSE(excludes("postfix").has_value());
  CHECK_FALSE(excludes("Postfix-mx2", true).has_value());
  CHECK(excludes("postfix-in") == FailureExclusion::service);
  const session::LoggedFailure named{.client_address = "192.0.2.1", .service = "postfix"};
  CHECK(RecordingRules(configuration, std::nullopt).to_record(named, {}, "mx", false).wanted);
}

TEST_CASE("the key of a state directory stays the same, and a damaged key is replaced") {
  const TemporaryFolder folder;
  const std::string first = good(PseudonymKey::load(folder.path())).pseudonym("192.0.2.1");
  CHECK(good(PseudonymKey::load(folder.path())).pseudonym("192.0.2.1") == first);
  CHECK((std::filesystem::status(folder / "pseudonym-key").permissions() & std::filesystem::perms(077)) ==
        std::filesystem::perms::none);
  write(folder / "pseudonym-key", "short");
  const std::string next = good(PseudonymKey::load(folder.path())).pseudonym("192.0.2.1");
  CHECK(next != first);
  CHECK(good(PseudonymKey::load(folder.path())).pseudonym("192.0.2.1") == next);
}
