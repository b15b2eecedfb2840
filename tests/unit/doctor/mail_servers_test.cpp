#include "doctor/mail_servers.h"

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;
using namespace starttls::test;

namespace {

Sendmail sendmail(const char* cf, const char* mc) {
  Sendmail sendmail = parse_sendmail_cf("");
  sendmail.file = "/etc/mail/sendmail.cf";
  sendmail.modified = at(cf);
  sendmail.mc_modified = at(mc);
  return sendmail;
}

Level level(const MailServers& servers) {
  return mail_server_checks(servers).back().level;
}

}  // namespace

TEST_CASE("a mail server that runs is ok, and one that does not is a fault") {
  MailServers servers{.postfix = Postfix{}};
  (*servers.postfix)->runs = true;
  CHECK(level(servers) == Level::ok);
  (*servers.postfix)->runs = false;
  CHECK(level(servers) == Level::fault);
  CHECK(mail_server_checks(servers).back().remedy == "systemctl start postfix");
  (*servers.postfix)->runs = fail(Fault::permission, "denied");
  CHECK(level(servers) == Level::cannot_tell);
}

TEST_CASE("a configuration that cannot be read is a fault, with what postconf prints") {
  MailServers servers;
  servers.postfix = fail(Fault::unavailable, "postconf: bad");
  const Checks checks = mail_server_checks(servers);
  REQUIRE(checks.size() == 1);
  CHECK(checks[0].level == Level::fault);
  CHECK(checks[0].seen == "postconf: bad");
}

TEST_CASE("a sendmail.cf older than sendmail.mc is a warning") {
  CHECK(level({.sendmail = sendmail("2026-11-28T10:00:00Z", "2026-11-28T09:00:00Z")}) == Level::ok);
  CHECK(level({.sendmail = sendmail("2026-11-28T10:00:00Z", "2026-11-28T10:00:01Z")}) == Level::warning);
}

TEST_CASE("no mail server is a fault, and Exim is not checked yet") {
  CHECK(level({}) == Level::fault);
  CHECK(level({.has_exim = true}) == Level::cannot_tell);
}
