#include "listtool/mail_server.h"

#include <algorithm>

#include "listtool/exim/mail_server.h"
#include "listtool/postfix/mail_server.h"
#include "listtool/sendmail/mail_server.h"

namespace starttls::listtool {
namespace {

using DialectTable = std::array<const SocketmapDialect*, dialects>;

DialectTable make_dialect_table() {
  DialectTable table{};
  for (const MailServer* const server : mail_servers()) {
    for (const SocketmapDialect& one : server->dialects) table[static_cast<std::size_t>(one.dialect)] = &one;
  }
  return table;
}

std::vector<std::string> names(const auto& range, const auto& name) {
  std::vector<std::string> names;
  names.reserve(range.size());
  for (const auto& one : range) names.push_back(name(one));
  return names;
}

}  // namespace

std::span<const MailServer* const> mail_servers() {
  static const std::array<const MailServer*, 3> table{&postfix::mail_server(), &sendmail::mail_server(),
                                                      &exim::mail_server()};
  return table;
}

const MailServer* find_mail_server(std::string_view name) {
  const auto servers = mail_servers();
  const auto found =
      std::ranges::find_if(servers, [&](const MailServer* server) { return server->name == name; });
  return found == servers.end() ? nullptr : *found;
}

std::vector<std::string> mail_server_names() {
  return names(mail_servers(), [](const MailServer* server) { return server->name; });
}

const MapType* find_map_type(const MailServer& server, std::string_view name) {
  const auto found = std::ranges::find(server.map_types, name, &MapType::name);
  return found == server.map_types.end() ? nullptr : &*found;
}

std::vector<std::string> map_type_names(const MailServer& server) {
  return names(server.map_types, [](const MapType& type) { return type.name; });
}

const SocketmapDialect& socketmap_dialect(Dialect dialect) {
  static const DialectTable table = make_dialect_table();
  return *table[static_cast<std::size_t>(dialect)];
}

}  // namespace starttls::listtool
