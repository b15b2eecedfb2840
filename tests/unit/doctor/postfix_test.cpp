#include "doctor/postfix.h"

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;

namespace {

Postfix postfix() {
  Postfix postfix;
  postfix.parameters = parse_parameters(
      "queue_directory = /var/spool/postfix\n"
      "smtpd_milters = unix:tlsrpt/milter.sock\n"
      "smtp_tls_CAfile = \n");
  postfix.services = parse_services(
      "smtp       inet  n       -       y       -       -       smtpd -o smtpd_milters=\n"
      "submission inet  n       -       n       -       -       smtpd\n"
      "smtp       unix  -       -       y       -       -       smtp\n"
      "too short\n",
      "smtp/inet/smtpd_milters = \n"
      "smtp/inet/smtpd_tls_security_level = none\n"
      "nosuch/inet/x = y\n");
  return postfix;
}

}  // namespace

TEST_CASE("services of master.cf have their own parameters, and else those of main.cf") {
  const Postfix it = postfix();
  REQUIRE(it.services.size() == 3);
  const PostfixService& smtp = it.services[0];
  CHECK(smtp.id() == "smtp/inet");
  CHECK(smtp.chroot);
  CHECK(smtp.program == "smtpd");
  CHECK(it.get(smtp, "smtpd_milters").empty());
  CHECK(it.get(smtp, "smtpd_tls_security_level") == "none");
  CHECK(it.get(it.services[1], "smtpd_milters") == "unix:tlsrpt/milter.sock");
  CHECK(!it.services[1].chroot);
  CHECK(it.get("nosuch").empty());
}

TEST_CASE("the services for our own users are known by name and port") {
  for (const char* const name : {"submission", "submissions", "smtps", "587", "127.0.0.1:465", "[::1]:587"}) {
    INFO(name);
    CHECK(PostfixService{.name = name, .type = "inet", .program = {}, .parameters = {}}.is_submission());
  }
  for (const char* const name : {"smtp", "25", "127.0.0.1:10587", "10025"}) {
    INFO(name);
    CHECK(!PostfixService{.name = name, .type = "inet", .program = {}, .parameters = {}}.is_submission());
  }
}

TEST_CASE("a path is that of the chroot, or of the queue directory") {
  const Postfix it = postfix();
  CHECK(it.path_for(it.services[0], "tlsrpt/milter.sock") == "/var/spool/postfix/tlsrpt/milter.sock");
  CHECK(it.path_for(it.services[0], "/run/x") == "/var/spool/postfix/run/x");
  CHECK(it.path_for(it.services[1], "tlsrpt/milter.sock") == "/var/spool/postfix/tlsrpt/milter.sock");
  CHECK(it.path_for(it.services[1], "/run/x") == "/run/x");
}

TEST_CASE("a list is split between commas and white space, outside of braces") {
  using List = std::vector<std::string>;
  CHECK(split_list("").empty());
  CHECK(split_list("a, b\tc") == List{"a", "b", "c"});
  CHECK(split_list("{ unix:x, default_action=accept }, inet:h:1") ==
        List{"{ unix:x, default_action=accept }", "inet:h:1"});
  CHECK(split_list("{ a, { b, c } }") == List{"{ a, { b, c } }"});
  CHECK(split_list("a}, b") == List{"a}", "b"});
}

TEST_CASE("an element of smtpd_milters may have a default action of its own") {
  CHECK(parse_milter_use("unix:x").address == "unix:x");
  const MilterUse use = parse_milter_use("{ unix:x, connect_timeout=1s, default_action=tempfail }");
  CHECK(use.address == "unix:x");
  CHECK(use.default_action == "tempfail");
}

TEST_CASE("the address of a socket is the one that the service finds") {
  const Postfix it = postfix();
  CHECK(address_for(it, it.services[0], "unix:/a/b")->path == "/var/spool/postfix/a/b");
  CHECK(address_for(it, it.services[0], "inet:localhost:1")->port == 1);
  CHECK(!address_for(it, it.services[0], "nonsense"));
}

TEST_CASE("a map has a type and a name, and a socketmap an address and a map") {
  CHECK(parse_map_use("cdb:/etc/postfix/tls_policy").type == "cdb");
  CHECK(parse_map_use("cdb:/etc/postfix/tls_policy").name == "/etc/postfix/tls_policy");
  CHECK(parse_map_use("proxy:hash:/x").type == "hash");
  CHECK(parse_map_use("/x").type.empty());
  const SocketmapUse use = parse_socketmap_use("inet:[::1]:8461:postfix");
  CHECK(use.address == "inet:[::1]:8461");
  CHECK(use.map == "postfix");
}

TEST_CASE("remedies are commands for a shell") {
  Postfix it = postfix();
  CHECK(it.set("smtp_tls_security_level", "may") == "postconf smtp_tls_security_level=may && postfix reload");
  CHECK(it.set("smtp_tls_mandatory_protocols", ">=TLSv1.2") ==
        "postconf 'smtp_tls_mandatory_protocols=>=TLSv1.2' && postfix reload");
  CHECK(it.set("x", "it's") == "postconf 'x=it'\\''s' && postfix reload");
  it.config_directory = "/etc/postfix-out";
  CHECK(it.set(it.services[0], "smtpd_milters", "a") ==
        "postconf -c /etc/postfix-out -P 'smtp/inet/smtpd_milters=a' && postfix -c /etc/postfix-out reload");
}
