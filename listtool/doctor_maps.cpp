#include "listtool/doctor_maps.h"

#include <algorithm>

#include "base/file.h"
#include "doctor/host_checks.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

using namespace doctor;

// Where serve listens: as configured, and by its unit.
std::vector<config::Address> serve_addresses(const OutboundFacts& facts) {
  std::vector<config::Address> addresses = facts.configuration.serve.listen;
  const Unit* const unit = facts.units ? find_unit(*facts.units, serve_socket) : nullptr;
  if (unit == nullptr) return addresses;
  for (const std::string& listen : unit->listen) {
    const auto address = config::parse_address(listen.starts_with('/') ? "unix:" + listen : listen);
    if (address) addresses.push_back(*address);
  }
  return addresses;
}

const OutputFacts& facts_of(const OutboundFacts& facts, const OutputSettings& output) {
  return facts.outputs[static_cast<std::size_t>(&output - facts.configuration.outputs.data())];
}

}  // namespace

bool is_serve(const OutboundFacts& facts, const std::optional<config::Address>& address) {
  const auto ours = serve_addresses(facts);
  return address && std::ranges::find(ours, *address) != ours.end();
}

const OutputSettings* find_output(const OutboundFacts& facts, std::string_view server,
                                  const std::string& name) {
  const auto found = std::ranges::find_if(facts.configuration.outputs, [&](const OutputSettings& output) {
    return output.server->name == server && (map_name(output) == name || map_file(output) == name);
  });
  return found != facts.configuration.outputs.end() ? &*found : nullptr;
}

Checks output_checks(const OutboundFacts& facts, const OutputSettings& output) {
  const OutputFacts& map = facts_of(facts, output);
  const std::string subject = map.file.path.string();
  if (map.file.is_hidden()) return {cannot_tell("map-file", subject, errno_text(map.file.error))};
  if (!map.file.exists()) {
    return {fault("map-file", subject,
                  {.seen = errno_text(map.file.error),
                   .why = output.server->title + " cannot open the map: no mail goes out.",
                   .remedy = "starttls-listtool update"})};
  }
  Checks checks{ok("map-file", subject, "exists")};
  if (map.is_current) {
    checks.push_back(ok("map-fresh", subject, "is made of the installed lists"));
  } else {
    checks.push_back(
        warning("map-fresh", subject,
                {.seen = "was not made of the installed lists and the current settings by this version",
                 .why = "The mail server may follow other policies than the installed ones.",
                 .remedy = "starttls-listtool update"}));
  }
  if (output.type == "texthash" && output.command.empty()) {
    checks.push_back(
        warning("map-reload", subject,
                {.seen = "is a texthash, and [[output]] has no command",
                 .why = "Postfix reads a texthash once: a new one has no effect until a reload.",
                 .remedy = R"(in its [[output]]: command = ["systemctl", "reload", "postfix"])"}));
  }
  return checks;
}

Check answer_check(const SocketmapFacts& socketmap, const std::string& subject) {
  constexpr std::string_view code = "serve-answer";
  const std::string why = "Mail to every domain waits in the queue.";
  if (!socketmap.reply) {
    if (socketmap.reply.error().fault == Fault::permission)
      return cannot_tell(code, subject, socketmap.reply.error().message, "Run it as root to find out.");
    return fault(code, subject,
                 {.seen = socketmap.reply.error().message, .why = why, .remedy = enable_serve});
  }
  const bool is_good = socketmap.reply->starts_with("NOTFOUND") || socketmap.reply->starts_with("OK ");
  if (is_good) return ok(code, subject, "serve answers");
  return fault(
      code, subject,
      {.seen = "answers " + *socketmap.reply, .why = why, .remedy = "journalctl -u starttls-listtool-serve"});
}

Checks access_checks(const OutboundFacts& facts, const SocketmapFacts& socketmap) {
  constexpr std::string_view code = "serve-access";
  if (!facts.mail_owner || !socketmap.socket.is_socket()) return {};
  const std::string subject = socketmap.socket.path.string();
  const auto refusal =
      find_refusal(*facts.mail_owner, socketmap.socket, Want::write, "connect to it", "g+rw");
  if (!refusal) return {ok(code, subject, facts.mail_owner->name + " may connect")};
  // A chgrp would last until the next start of serve.
  return {fault(code, subject,
                {.seen = refusal->seen,
                 .why = "Mail to every domain waits in the queue.",
                 .remedy = fmt::format("in listtool.toml, [serve]: socket_group = \"{}\"\n"
                                       "systemctl restart starttls-listtool-serve",
                                       group_name(facts.mail_owner->groups.front()))})};
}

}  // namespace starttls::listtool
