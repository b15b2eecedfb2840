#include "listtool/mail_server.h"

#include <set>

#include "listtool/configuration.h"
#include "listtool/map_file.h"
#include "support.h"

namespace starttls::listtool {
namespace {

TEST_CASE("mail servers are found by their names, and no two have the same") {
  std::set<std::string> names;
  for (const MailServer* const server : mail_servers()) {
    CHECK(names.insert(server->name).second);
    CHECK(find_mail_server(server->name) == server);
  }
  CHECK(names == std::set<std::string>{"exim", "postfix", "sendmail"});
  CHECK(find_mail_server("qmail") == nullptr);
  CHECK(find_mail_server("") == nullptr);
}

TEST_CASE("a mail server can write every type of map that it names") {
  for (const MailServer* const server : mail_servers()) {
    INFO(server->name);
    REQUIRE(!server->map_types.empty());
    CHECK(server->map_types.front().format == MapFormat::text);
    CHECK(server->write_text != nullptr);
    CHECK(server->lookup != nullptr);
    for (const MapType& type : server->map_types) {
      INFO(type.name);
      CHECK(find_map_type(*server, type.name) == &type);
      CHECK((type.format == MapFormat::text) == type.suffix.empty());
      if (type.format == MapFormat::compiled) CHECK(server->compiler != nullptr);
      if (type.format == MapFormat::cdb || type.format == MapFormat::lmdb)
        CHECK(server->for_each_key != nullptr);
    }
  }
}

TEST_CASE("every dialect of a socketmap belongs to one mail server, and one is for all other maps") {
  std::set<std::string_view> names;
  std::set<std::string_view> maps;
  std::size_t count = 0;
  for (const MailServer* const server : mail_servers()) {
    for (const SocketmapDialect& one : server->dialects) {
      ++count;
      CHECK(names.insert(one.name).second);
      CHECK(maps.insert(one.map).second);
      CHECK(&socketmap_dialect(one.dialect) == &one);
      CHECK(one.policy != nullptr);
    }
  }
  CHECK(count == dialects);
  CHECK(maps.contains(""));
}

TEST_CASE("a map is named without the suffix of its file") {
  const OutputSettings cdb{.file = "/etc/postfix/tls", .type = "cdb"};
  CHECK(map_name(cdb) == "/etc/postfix/tls");
  CHECK(map_file(cdb) == "/etc/postfix/tls.cdb");
  CHECK_FALSE(is_text(cdb));
  const OutputSettings hash{
      .server = find_mail_server("sendmail"), .file = "/etc/mail/starttls.db", .type = "hash"};
  CHECK(map_name(hash) == "/etc/mail/starttls");
  CHECK(map_file(hash) == "/etc/mail/starttls.db");
  const OutputSettings text{.file = "/etc/postfix/tls", .type = "texthash"};
  CHECK(map_file(text) == "/etc/postfix/tls");
  CHECK(is_text(text));
}

}  // namespace
}  // namespace starttls::listtool
