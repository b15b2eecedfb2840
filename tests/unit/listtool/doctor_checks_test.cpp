#include "listtool/doctor_checks.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
using doctor::Check;
using doctor::Checks;
using doctor::Level;
using doctor::PathFacts;
using doctor::Postfix;

namespace {

constexpr const char* serve_map = "socketmap:inet:127.0.0.1:8461:postfix";
constexpr gid_t postfix_group = 30;

PathFacts path(const std::string& name, mode_t mode, gid_t gid = 0) {
  return {.path = name, .nodes = {{.path = name, .mode = mode, .uid = 0, .gid = gid}}, .modified = {}};
}

PathFacts missing(const std::string& name, int error = ENOENT) {
  PathFacts facts{.path = name, .nodes = {}, .modified = {}};
  facts.error = error;
  return facts;
}

Postfix right_postfix() {
  Postfix postfix;
  postfix.parameters = doctor::parse_parameters(
      "mail_version = 3.7.11\n"
      "queue_directory = /var/spool/postfix\n"
      "smtp_tls_policy_maps = cdb:/etc/postfix/tls_policy, socketmap:inet:127.0.0.1:8461:postfix\n"
      "smtp_tls_security_level = dane\n"
      "smtp_dns_support_level = dnssec\n"
      "smtp_tls_mandatory_protocols = >=TLSv1.2\n"
      "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n");
  postfix.services = doctor::parse_services("smtp unix - - y - - smtp\nrelay unix - - y - - smtp\n", "");
  postfix.map_types = {"cdb", "socketmap", "texthash"};
  postfix.runs = true;
  return postfix;
}

doctor::Units right_units() {
  doctor::Units units;
  for (const char* const name : {"postfix@-.service", serve_service, serve_socket, update_timer})
    units[name] = {
        .load = "loaded", .active = "active", .enabled = "enabled", .before = {"postfix@-.service"}};
  return units;
}

// As docs/postfix.md has it, with a list in a map and serve behind it.
OutboundFacts right_host() {
  OutboundFacts facts{
      .configuration = {},
      .now = at("2026-11-28T12:00:00Z"),
      .mail_servers = {.postfix = right_postfix()},
      .units = right_units(),
      .configuration_file = path("/etc/starttls-toolkit/listtool.toml", S_IFREG | 0644),
      .outputs = {{.file = path("/etc/postfix/tls_policy.cdb", S_IFREG | 0644), .is_current = true}},
      .lists =
          std::vector<ListFacts>{
              {.name = "sector", .is_installed = true, .expires = at("2026-12-10T12:00:00Z")}},
      .mail_owner = doctor::UserFacts{.name = "postfix", .uid = 20, .groups = {postfix_group}},
      .resolvers = {{.server = "127.0.0.1", .is_loopback = true, .validates = true}},
      .ca_file = path("/etc/ssl/certs/ca-certificates.crt", S_IFREG | 0644),
      .ca_certificates = 140,
      .state_directory = path("/var/lib/starttls-toolkit/lists", S_IFDIR | 0755),
      .disk = doctor::DiskFacts{.size = 1U << 30U, .free = 1U << 30U},
      .clock_is_synchronized = true};
  facts.configuration.lists.push_back({.name = "sector", .url = "https://lists.example.org/list.json"});
  facts.configuration.outputs.push_back({.file = "/etc/postfix/tls_policy", .type = "cdb"});
  facts.socketmaps[serve_map] = {.reply = std::string("NOTFOUND "), .socket = missing("")};
  return facts;
}

Checks findings(const OutboundFacts& facts) {
  Checks found = outbound_checks(facts);
  std::erase_if(
      found, [](const Check& check) { return check.level != Level::fault && check.level != Level::warning; });
  return found;
}

Postfix& postfix_of(OutboundFacts& facts) {
  return **facts.mail_servers.postfix;
}

using Break = std::function<void(OutboundFacts&)>;

Break set(const char* parameter, const char* value) {
  return [=](OutboundFacts& facts) { postfix_of(facts).parameters[parameter] = value; };
}

// Sendmail in place of Postfix, with this sendmail.cf.
Break sendmail(const char* cf) {
  return [=](OutboundFacts& facts) {
    facts.mail_servers = {.sendmail = doctor::parse_sendmail_cf(cf)};
    facts.socketmaps.clear();
    facts.configuration.outputs[0].server = find_mail_server("sendmail");
    facts.configuration.outputs[0].type = "hash";
    facts.configuration.outputs[0].file = "/etc/mail/starttls";
  };
}

struct Case {
  const char* name;
  Break breaks;
  const char* code;
  Level level;
  const char* remedy;  // a part of it
};

const std::vector<Case> cases{
    {"no configuration", [](auto& facts) { facts.has_configuration = false; }, "configuration", Level::fault,
     "touch /etc/starttls-toolkit/listtool.toml"},
    {"all may write to the configuration",
     [](auto& facts) { facts.configuration_file.nodes[0].mode |= 0002; }, "configuration", Level::fault,
     "chmod o-w"},
    {"a secret that all can read", [](auto& facts) { facts.configuration.lists[0].url += "?token=secret"; },
     "secrets", Level::fault, "chmod 0640 /etc/starttls-toolkit/listtool.toml"},
    {"Postfix does not run", [](auto& facts) { postfix_of(facts).runs = false; }, "mail-server-runs",
     Level::fault, "systemctl start postfix"},
    {"no maps", set("smtp_tls_policy_maps", ""), "policy-map", Level::fault,
     "postconf smtp_tls_policy_maps=cdb:/etc/postfix/tls_policy && postfix reload"},
    {"another type", set("smtp_tls_policy_maps", "hash:/etc/postfix/tls_policy"), "policy-map", Level::fault,
     "postconf smtp_tls_policy_maps=cdb:/etc/postfix/tls_policy"},
    {"another port", set("smtp_tls_policy_maps", "socketmap:inet:127.0.0.1:8642:postfix"), "policy-map",
     Level::fault, "postconf smtp_tls_policy_maps=cdb:/etc/postfix/tls_policy"},
    {"cdb is not there", [](auto& facts) { postfix_of(facts).map_types.erase("cdb"); }, "map-type",
     Level::fault, "apt install postfix-cdb"},
    {"no map", [](auto& facts) { facts.outputs[0].file = missing("/etc/postfix/tls_policy.cdb"); },
     "map-file", Level::fault, "starttls-listtool update"},
    {"an old map", [](auto& facts) { facts.outputs[0].is_current = false; }, "map-fresh", Level::warning,
     "starttls-listtool update"},
    {"a texthash without a reload",
     [](auto& facts) {
       facts.configuration.outputs[0].type = "texthash";
       set("smtp_tls_policy_maps", "texthash:/etc/postfix/tls_policy")(facts);
     },
     "map-reload", Level::warning, "command = [\"systemctl\", \"reload\", \"postfix\"]"},
    {"nobody listens",
     [](auto& facts) { facts.socketmaps[serve_map].reply = fail(Fault::unavailable, "refused"); },
     "serve-answer", Level::fault,
     "systemctl enable --now starttls-listtool-serve.socket starttls-listtool-serve"},
    {"a temporary error", [](auto& facts) { facts.socketmaps[serve_map].reply = "TEMP busy"; },
     "serve-answer", Level::fault, "journalctl -u starttls-listtool-serve"},
    {"Postfix may not connect",
     [](auto& facts) { facts.socketmaps[serve_map].socket = path("/x", S_IFSOCK | 0660); }, "serve-access",
     Level::fault, "socket_group = \""},
    {"words of 3.10",
     [](auto& facts) {
       set("smtp_tls_policy_maps",
           "cdb:/etc/postfix/tls_policy, socketmap:inet:127.0.0.1:8461:QUERYwithTLSRPT")(facts);
     },
     "serve-map-name", Level::fault, "socketmap:inet:127.0.0.1:8461:postfix"},
    {"the socket is not enabled", [](auto& facts) { (*facts.units)[serve_socket].enabled = "disabled"; },
     "serve-unit", Level::warning, "systemctl enable starttls-listtool-serve.socket"},
    {"the service has failed", [](auto& facts) { (*facts.units)[serve_service].active = "failed"; },
     "serve-unit", Level::fault, "journalctl -u starttls-listtool-serve.service"},
    {"no order", [](auto& facts) { (*facts.units)[serve_service].before.clear(); }, "serve-order",
     Level::warning, "Before=postfix@-.service"},
    {"another policy server",
     [](auto& facts) { (*facts.units)[other_policy_servers[0]] = {.load = "loaded", .active = "active"}; },
     "other-policy-server", Level::warning, "systemctl disable --now postfix-mta-sts-resolver.service"},
    {"attributes of a later Postfix",
     [](auto& facts) {
       facts.configuration.outputs[0].postfix_version = postfix::Version{.major = 3, .minor = 10};
     },
     "postfix-version", Level::fault, "postfix_version = \"3.7\""},
    {"no TLS", set("smtp_tls_security_level", ""), "smtp-tls-level", Level::warning,
     "postconf smtp_tls_security_level=dane"},
    {"no DANE", set("smtp_tls_security_level", "may"), "smtp-tls-level", Level::warning,
     "postconf smtp_tls_security_level=dane"},
    {"no DNSSEC", set("smtp_dns_support_level", ""), "dns-support-level", Level::fault,
     "postconf smtp_dns_support_level=dnssec"},
    {"TLS 1.0", set("smtp_tls_mandatory_protocols", ">=TLSv1"), "tls-protocols", Level::warning,
     "postconf 'smtp_tls_mandatory_protocols=>=TLSv1.2'"},
    {"TLS 1.1, in the old form", set("smtp_tls_mandatory_protocols", "!SSLv2, !SSLv3, !TLSv1"),
     "tls-protocols", Level::warning, "smtp_tls_mandatory_protocols"},
    {"no CA file", [](auto& facts) { facts.ca_file = missing(""); }, "ca-file", Level::fault,
     "postconf smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt"},
    {"an empty CA file", [](auto& facts) { facts.ca_certificates = 0; }, "ca-file", Level::fault,
     "apt install --reinstall ca-certificates"},
    {"another level in master.cf",
     [](auto& facts) { postfix_of(facts).services[1].parameters["smtp_tls_security_level"] = "none"; },
     "master-cf", Level::warning, "postconf -PX relay/unix/smtp_tls_security_level"},
    {"a relay host that no map has",
     [](auto& facts) {
       set("smtp_tls_policy_maps", "cdb:/etc/postfix/tls_policy")(facts);
       set("relayhost", "[relay.example]:587")(facts);
     },
     "relayhost", Level::warning, "next_hops = [\"[relay.example]:587\"]"},
    {"a resolver that does not answer",
     [](auto& facts) {
       facts.resolvers[0].validates = fail(Fault::temporary, "resolver 127.0.0.1: no answer in time");
     },
     "resolver", Level::warning, "systemctl status unbound"},
    {"a resolver that does not validate", [](auto& facts) { facts.resolvers[0].validates = false; }, "dnssec",
     Level::fault, "apt install unbound"},
    {"a resolver on another host", [](auto& facts) { facts.resolvers[0].is_loopback = false; }, "dnssec",
     Level::warning, "apt install unbound"},
    {"a list that is not installed", [](auto& facts) { facts.lists->front().is_installed = false; }, "list",
     Level::fault, "starttls-listtool update"},
    {"a list that has expired",
     [](auto& facts) { facts.lists->front().unusable = Error{Fault::data, "expired"}; }, "list", Level::fault,
     "ask the publisher"},
    {"a list that expires soon",
     [](auto& facts) { facts.lists->front().expires = at("2026-11-29T12:00:00Z"); }, "list", Level::warning,
     "starttls-listtool update"},
    {"no timer", [](auto& facts) { (*facts.units)[update_timer].active = "inactive"; }, "update-timer",
     Level::fault, "systemctl enable --now starttls-listtool-update.timer"},
    {"all may write to the lists", [](auto& facts) { facts.state_directory.nodes[0].mode |= 0002; },
     "state-directory", Level::fault, "chmod o-w"},
    {"a full disk", [](auto& facts) { facts.disk->free = 0; }, "disk-space", Level::fault, "df -h"},
    {"a wrong clock", [](auto& facts) { facts.clock_is_synchronized = false; }, "clock", Level::warning,
     "timedatectl"},
    {"Sendmail without the feature", sendmail(""), "policy-map", Level::fault,
     "FEATURE(`sts', `hash -T<TMPF> /etc/mail/starttls')dnl"},
    {"Sendmail with another map", sendmail("Ksts hash /etc/mail/other\nSSTS_SAN\nR$-.$+\tx\n"), "policy-map",
     Level::fault, "FEATURE(`sts', `hash -T<TMPF> /etc/mail/starttls')dnl"},
    {"Sendmail asks where serve is not", sendmail("Ksts socket inet:1@127.0.0.1\nSSTS_SAN\nR$-.$+\tx\n"),
     "policy-map", Level::fault, "listen = [\"inet:1@127.0.0.1\"]"},
    {"Sendmail without the rules for wildcards", sendmail("Ksts hash /etc/mail/starttls\n"), "sts-wildcard",
     Level::warning, "sts-wildcard.m4"},
};

}  // namespace

TEST_CASE("a host as the guide has it gives no finding") {
  for (const Check& check : findings(right_host())) FAIL_CHECK(check.code << ": " << check.seen);
}

TEST_CASE("what is broken gives one finding with its code and its remedy") {
  for (const Case& each : cases) {
    OutboundFacts facts = right_host();
    each.breaks(facts);
    const Checks found = findings(facts);
    INFO(each.name);
    for (const Check& check : found) UNSCOPED_INFO(check.code << ": " << check.seen << "; " << check.remedy);
    REQUIRE(found.size() == 1);
    CHECK(found[0].code == each.code);
    CHECK(found[0].level == each.level);
    CHECK(found[0].remedy.contains(each.remedy));
    CHECK(!found[0].why.empty());
  }
}

TEST_CASE("a map alone needs neither serve nor DNSSEC") {
  OutboundFacts facts = right_host();
  set("smtp_tls_policy_maps", "cdb:/etc/postfix/tls_policy")(facts);
  set("smtp_tls_security_level", "may")(facts);
  set("smtp_dns_support_level", "")(facts);
  facts.socketmaps.clear();
  (*facts.units)[serve_service].active = "inactive";
  facts.resolvers[0].validates = false;
  CHECK(findings(facts).empty());
}

TEST_CASE("cron may take the place of the timer") {
  OutboundFacts facts = right_host();
  facts.has_cron_job = true;
  (*facts.units)[update_timer].active = "inactive";
  CHECK(findings(facts).empty());
}

TEST_CASE("protocols of both forms that begin with TLS 1.2 are right") {
  for (const char* const protocols :
       {">=TLSv1.2", ">=TLSv1.3", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", "TLSv1.2, TLSv1.3"}) {
    OutboundFacts facts = right_host();
    set("smtp_tls_mandatory_protocols", protocols)(facts);
    INFO(protocols);
    CHECK(findings(facts).empty());
  }
}

TEST_CASE("Postfix 3.10 may ask for the attributes of its TLS reports") {
  OutboundFacts facts = right_host();
  set("mail_version", "3.10.13")(facts);
  set("smtp_tls_policy_maps", "socketmap:inet:127.0.0.1:8461:QUERYwithTLSRPT")(facts);
  CHECK(findings(facts).empty());
}

TEST_CASE("without systemd and without rights there is no result about units and sockets") {
  OutboundFacts facts = right_host();
  facts.units = fail(Fault::unavailable, "this host does not run systemd");
  facts.socketmaps[serve_map].reply = fail(Fault::permission, "denied");
  facts.lists = fail(Fault::permission, "denied");
  facts.ca_certificates = fail(Fault::permission, "denied");
  CHECK(findings(facts).empty());
  const Checks checks = outbound_checks(facts);
  CHECK(std::ranges::count(checks, Level::cannot_tell, &Check::level) == 6);
}
