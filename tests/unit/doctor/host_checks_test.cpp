#include "doctor/host_checks.h"

#include <cerrno>

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;

namespace {

constexpr std::uintmax_t mebibyte = 1U << 20U;

PathFacts path(const char* name, mode_t mode, uid_t uid = 0) {
  return {.path = name, .nodes = {{.path = name, .mode = mode, .uid = uid, .gid = 0}}, .modified = {}};
}

PathFacts missing(const char* name, int error) {
  PathFacts facts{.path = name, .nodes = {}, .modified = {}};
  facts.error = error;
  return facts;
}

Units unit(const std::string& name, Unit facts) {
  facts.load = "loaded";
  return {{name, facts}};
}

Level only(const Checks& checks) {
  REQUIRE(checks.size() == 1);
  return checks[0].level;
}

}  // namespace

TEST_CASE("a clock without a time server is a warning") {
  CHECK(clock_check(true).level == Level::ok);
  CHECK(clock_check(false).level == Level::warning);
  CHECK(clock_check(fail(Fault::permission, "no")).level == Level::cannot_tell);
}

TEST_CASE("a disk is judged by bytes and by files") {
  const auto level = [](std::uintmax_t free, std::uintmax_t files, std::uintmax_t free_files) {
    return disk_check("/x", DiskFacts{.size = 1, .free = free, .files = files, .free_files = free_files})
        .level;
  };
  CHECK(level(1000 * mebibyte, 1000, 1000) == Level::ok);
  CHECK(level(1000 * mebibyte, 0, 0) == Level::ok);  // without a limit of files
  CHECK(level(100 * mebibyte, 1000, 1000) == Level::warning);
  CHECK(level(10 * mebibyte, 1000, 1000) == Level::fault);
  CHECK(level(1000 * mebibyte, 1000, 10) == Level::fault);
  CHECK(disk_check("/x", fail(Fault::io, "no")).level == Level::cannot_tell);
}

TEST_CASE("a state directory must be there, writable for its service, and for nobody else") {
  const UserFacts owner{.name = "starttls-toolkit", .uid = 10, .groups = {10}};
  const auto level = [&](const PathFacts& directory, bool others_may_read = false) {
    return state_directory_check(directory, owner, others_may_read, "mkdir").level;
  };
  CHECK(level(path("/s", S_IFDIR | 0750, 10)) == Level::ok);
  CHECK(level(path("/s", S_IFDIR | 0755, 10)) == Level::warning);
  CHECK(level(path("/s", S_IFDIR | 0755, 10), true) == Level::ok);
  CHECK(level(path("/s", S_IFDIR | 0757, 10), true) == Level::fault);
  CHECK(level(path("/s", S_IFDIR | 0750)) == Level::fault);
  CHECK(level(path("/s", S_IFREG | 0640, 10)) == Level::fault);
  CHECK(level(missing("/s", ENOENT)) == Level::fault);
  CHECK(level(missing("/s", EACCES)) == Level::cannot_tell);
}

TEST_CASE("a file with a secret is for its owner and group") {
  CHECK(secret_check(path("/f", S_IFREG | 0640), "0640").level == Level::ok);
  CHECK(secret_check(missing("/f", EACCES), "0640").level == Level::ok);
  const Check check = secret_check(path("/f", S_IFREG | 0644), "0640");
  CHECK(check.level == Level::fault);
  CHECK(check.remedy == "chmod 0640 /f");
}

TEST_CASE("a configuration that all may write to is a fault, but not below /tmp") {
  CHECK(configuration_rights_check(path("/f", S_IFREG | 0644)).level == Level::ok);
  CHECK(configuration_rights_check(path("/f", S_IFREG | 0646)).level == Level::fault);
  PathFacts below = path("/tmp", S_IFDIR | S_ISVTX | 0777);
  below.nodes.push_back({.path = "/tmp/f", .mode = S_IFREG | 0644});
  CHECK(configuration_rights_check(below).level == Level::ok);
  below.nodes[0].mode = S_IFDIR | 0777;
  CHECK(configuration_rights_check(below).remedy == "chmod o-w /tmp");
}

TEST_CASE("a CA file must exist and have a certificate") {
  const PathFacts file = path("/ca", S_IFREG | 0644);
  CHECK(ca_file_check("Postfix", file, 1, "set").level == Level::ok);
  CHECK(ca_file_check("Postfix", file, 0, "set").remedy == "set");
  CHECK(ca_file_check("Postfix", file, fail(Fault::permission, "no"), "set").level == Level::cannot_tell);
  CHECK(ca_file_check("Postfix", file, fail(Fault::io, "no"), "set").level == Level::fault);
  CHECK(ca_file_check("Postfix", missing("/ca", ENOENT), 0, "set").level == Level::fault);
  CHECK(ca_file_check("Postfix", missing("/ca", EACCES), 0, "set").level == Level::cannot_tell);
  CHECK(ca_file_check("Postfix", missing(ca_bundle, ENOENT), 0, "set")
            .remedy.starts_with("apt install --reinstall"));
}

TEST_CASE("a resolver must answer and, for DANE, validate on this host") {
  const auto level = [](Result<bool> validates, bool is_loopback, bool needs_dnssec) {
    const std::vector<ResolverFacts> one{
        {.server = "192.0.2.1", .is_loopback = is_loopback, .validates = std::move(validates)}};
    return resolver_checks(one, needs_dnssec).back().level;
  };
  CHECK(level(true, true, true) == Level::ok);
  CHECK(level(true, false, true) == Level::warning);
  CHECK(level(false, true, true) == Level::fault);
  CHECK(level(false, false, false) == Level::ok);
  CHECK(level(fail(Fault::temporary, "resolver 192.0.2.1: no answer in time"), true, true) == Level::warning);
}

TEST_CASE("a unit must be there, active and enabled") {
  const WantedUnit wanted{.code = "milter-unit", .name = "m.service", .why = "why", .enable = "enable"};
  const auto check = [&](const Result<Units>& units) { return unit_check(units, wanted); };
  CHECK(check(unit("m.service", {.active = "active", .enabled = "enabled"})).level == Level::ok);
  const Check disabled = check(unit("m.service", {.active = "active", .enabled = "disabled"}));
  CHECK(disabled.level == Level::warning);
  CHECK(disabled.remedy == "systemctl enable m.service");
  const Check inactive = check(unit("m.service", {.active = "inactive", .condition = "no"}));
  CHECK(inactive.level == Level::fault);
  CHECK(inactive.seen.contains("conditions"));
  CHECK(inactive.remedy == "enable");
  const Check failed = check(unit("m.service", {.active = "failed", .result = "exit-code"}));
  CHECK(failed.seen == "is failed, with exit-code");
  CHECK(failed.remedy.contains("journalctl -u m.service"));
  CHECK(check(Units{}).remedy == "systemctl daemon-reload && enable");
  CHECK(check(fail(Fault::unavailable, "no systemd")).level == Level::cannot_tell);
}

TEST_CASE("a daemon must start before the unit of the mail server that exists") {
  const MailServers servers{.postfix = Postfix{}};
  Units units = unit("m.service", {.before = {"postfix@-.service"}});
  CHECK(order_checks("milter-order", units, "m.service", servers).empty());  // Postfix has no unit
  units["postfix@-.service"].load = "loaded";
  units["postfix.service"].load = "loaded";
  CHECK(only(order_checks("milter-order", units, "m.service", servers)) == Level::ok);
  units["postfix@-.service"].load = "not-found";
  CHECK(only(order_checks("milter-order", units, "m.service", servers)) == Level::warning);
  CHECK(order_checks("milter-order", fail(Fault::unavailable, "no"), "m.service", servers).empty());
  units["sendmail.service"].load = "loaded";
  CHECK(only(order_checks("milter-order", units, "m.service", {.sendmail = Sendmail{}})) == Level::warning);
}
